# Everything a developer or CI does. `make help` lists the targets.
SHELL   := /bin/bash
VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
LDFLAGS := -s -w -X main.version=$(VERSION)
GOFILES  = $(shell git ls-files '*.go')
# The compiler of the eBPF objects is pinned: another version changes the committed bytes.
CLANG   := clang-14
STRIP   := llvm-strip-14

.DEFAULT_GOAL := help
.PHONY: help build run setup test unit check generate generate-check lint vuln bench bench-overhead bench-replay bench-router crash race docs-images fmt clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 18

build: ## build bin/tocsin (static, no cgo)
	CGO_ENABLED=0 go build -trimpath -ldflags '$(LDFLAGS)' -o bin/tocsin ./cmd/tocsin

run: build ## build and watch this machine with the embedded configuration (root)
	./bin/tocsin run

setup: ## install what the tests need from Debian
	@scripts/setup.sh

test: setup ## run every test: unit, contract, e2e (root)
	go test -count=1 -timeout 14m ./...

unit: ## run the tests that need no installed tools or root
	go test ./...

race: ## run the tests of everything concurrent under the race detector
	go test -race -count=1 -timeout 14m ./api/... ./pipeline/... ./stages/... ./notifiers/... ./store/...

check: setup generate-check lint vuln ## what CI checks before it tests

generate: ## rebuild the committed eBPF objects and bindings
	BPF2GO_CC=$(CLANG) BPF2GO_STRIP=$(STRIP) go generate ./bpf

generate-check: generate ## fail when the committed eBPF objects are not what the sources give
	@git diff --exit-code --stat -- bpf || { echo 'generated files differ: run make generate and commit'; exit 1; }

lint: ## gofmt, vet, staticcheck (golangci-lint where it is installed), architecture
	@test -z "$$(gofmt -l $(GOFILES))" || { gofmt -d $(GOFILES); exit 1; }
	go vet ./...
	@if command -v golangci-lint >/dev/null; then golangci-lint run; else go tool staticcheck ./...; fi
	go test -count=1 -run TestImports .

vuln: ## known vulnerabilities, where their database can be reached
	@scripts/vuln.sh

bench: ## benchmarks of the hot and the durable half
	go test -run '^$$' -bench . -benchmem ./sensor ./rules ./stages/... ./pipeline/... ./cmd/tocsin

bench-overhead: build ## CPU time of four kinds of work without and with the sensor (root, a quiet machine)
	python3 scripts/overhead/overhead.py $(or $(ROUNDS),5) $(or $(OUT),/dev/null) -- ./bin/tocsin run --data-dir $$(mktemp -d)

bench-replay: build ## what an event costs under 1 to 10,000 rules and those of RULES (root, a quiet machine)
	scripts/replay/replay.sh ./bin/tocsin $(RULES)

bench-router: ## the router as it runs, beside FALCOSIDEKICK and ALERTMANAGER, programs built elsewhere (a quiet machine); docs/performance.md
	go test -run '^$$' -bench 'Router/.*/$(or $(ONLY),.*)$$' -benchtime 1x -count $(or $(ROUNDS),3) -timeout 60m ./e2e -args \
		-falcosidekick='$(FALCOSIDEKICK)' -alertmanager='$(ALERTMANAGER)' -bench-scale=$(or $(SCALE),1)

crash: ## kill a router KILLS times (200) while alerts flow, stop it cleanly, fill its disk (root)
	TOCSIN_CRASH_KILLS=$(or $(KILLS),200) go test -count=1 -timeout 30m -v -run 'TestCrash$$|TestCleanRestarts|TestDiskFull' ./e2e

docs-images: ## draw the messages in docs/img as channels show them (gets Chromium and Noto CJK fonts where they are missing; root)
	@dpkg -s chromium fonts-noto-cjk >/dev/null 2>&1 || { apt-get update -qq && apt-get install -y -qq --no-install-recommends chromium fonts-noto-cjk >/dev/null; }
	go test -count=1 -run 'TestDocsImages$$' ./stages/render -args -images=$(CURDIR)/docs/img

fmt: ## format the Go sources
	gofmt -w $(GOFILES)

clean: ## remove what was built
	rm -rf bin
