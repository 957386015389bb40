package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/tocsin-security/tocsin/api"
	"github.com/tocsin-security/tocsin/configs"
	"github.com/tocsin-security/tocsin/pipeline"
	"github.com/tocsin-security/tocsin/stages/whitelist"
	"github.com/tocsin-security/tocsin/stages/whitelist/account"
	"github.com/tocsin-security/tocsin/store"
	"github.com/tocsin-security/tocsin/store/documents"
	"github.com/tocsin-security/tocsin/store/shared"
)

// readUsage gets the account of a whitelist, and says where from. The error says why there is none.
func readUsage(ctx context.Context, from string, cfg *configs.Loaded, list *whitelist.List) (string, *pipeline.WhitelistUsage, error) {
	switch {
	case from == "none":
		return "", nil, errors.New("--usage none was asked for")
	case from == "":
		return ownUsage(ctx, cfg, list)
	case strings.Contains(from, "://"):
		client, err := api.NewUsageClient(from)
		if err != nil {
			return "", nil, fmt.Errorf("--usage: %w", err)
		}
		usage, err := client.Usage(ctx)
		return client.Address(), usage, err
	}
	body, err := os.ReadFile(from)
	if err != nil {
		return from, nil, fmt.Errorf("--usage: %w", err)
	}
	usage, err := api.ReadUsage(body)
	if err != nil {
		return from, nil, fmt.Errorf("--usage: %s: %w", from, err)
	}
	return from, usage, nil
}

// ownUsage asks the tocsin that runs with the configuration, and where none listens the store that it left.
func ownUsage(ctx context.Context, cfg *configs.Loaded, list *whitelist.List) (string, *pipeline.WhitelistUsage, error) {
	client, err := api.NewOwnUsageClient(cfg.HTTP)
	if err != nil {
		return "", nil, err
	}
	usage, err := client.Usage(ctx)
	if !errors.Is(err, syscall.ECONNREFUSED) {
		return client.Address(), usage, err
	}
	where, usage, storeErr := storedUsage(ctx, cfg, list)
	if storeErr != nil {
		return "", nil, fmt.Errorf("%w; and the store: %w", err, storeErr)
	}
	return where, usage, nil
}

// storedUsage reads the store of the configuration. It makes none where there is none.
func storedUsage(ctx context.Context, cfg *configs.Loaded, list *whitelist.List) (where string, usage *pipeline.WhitelistUsage, err error) {
	quiet := slog.New(slog.DiscardHandler) // what is wrong comes back as an error
	var docs pipeline.Documents
	if url := string(cfg.Store); shared.IsEmbedded(url) {
		where = filepath.Join(cfg.DataDir, "tocsin.db")
		if _, err := os.Stat(where); err != nil {
			return where, nil, err
		}
		s, err := store.Open(ctx, where)
		if err != nil {
			return where, nil, err
		}
		defer s.Close() // only read
		docs = s.Documents(kindWhitelist, account.MaxDocuments)
	} else {
		where = "the shared store"
		s, err := shared.Open(ctx, url, documents.Scripts(), quiet)
		if err != nil {
			return where, nil, err
		}
		defer s.Close() // likewise
		docs = documents.New(s, kindWhitelist, account.MaxDocuments)
	}
	now := time.Now()
	found, err := account.New(docs, quiet).Usage(ctx, list.Usage(now), nil, now)
	if err != nil {
		return where, nil, err
	}
	all, err := docs.All(ctx)
	if err != nil {
		return where, nil, err
	}
	if len(all) > 0 && all[0].At.Before(found.At) {
		found.At = all[0].At // what was needed since then nobody has seen
	}
	return where, &found, nil
}
