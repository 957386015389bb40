# The generated eBPF objects are committed, so building needs no clang.
FROM golang:1.26-bookworm AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
ARG VERSION=dev
RUN CGO_ENABLED=0 go build -trimpath -ldflags "-s -w -X main.version=${VERSION}" -o /tocsin ./cmd/tocsin \
 && mkdir -p /data && chown 65532:65532 /data
# The sensor's rights sit on the file, so that the process need not be root. A container runtime must
# still grant them: --cap-add BPF,PERFMON,SYS_PTRACE,DAC_READ_SEARCH,SYS_RESOURCE. Give the router none: use
# the target "router", whose file asks for nothing.
RUN apt-get update -qq && apt-get install -y -qq --no-install-recommends libcap2-bin >/dev/null \
 && cp /tocsin /tocsin-sensor \
 && setcap cap_bpf,cap_perfmon,cap_sys_ptrace,cap_dac_read_search,cap_sys_resource+ep /tocsin-sensor

# An empty image: the binary is static and carries its own time zones; certificates come from Debian.
FROM scratch AS router
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
COPY --from=build /tocsin /usr/bin/tocsin
COPY --from=build --chown=65532:65532 /data /var/lib/tocsin
USER 65532:65532
VOLUME /var/lib/tocsin
WORKDIR /var/lib/tocsin
EXPOSE 8686
ENTRYPOINT ["/usr/bin/tocsin"]
CMD ["router"]

FROM router
COPY --from=build /tocsin-sensor /usr/bin/tocsin
CMD ["run"]
