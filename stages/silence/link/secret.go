package link

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/tocsin-security/tocsin/pipeline"
)

const (
	secretSize = 32
	// MaxSecrets is how many the store keeps: of routers that start at once, each may make one.
	MaxSecrets = 32
	// again is the pause between two looks at the secrets that routers share.
	again = 10 * time.Second
)

// Share gives the signer the secrets that all routers on one store share, and makes one where there is none. Where
// several were made at once all are kept, and the oldest is used: what somebody has signed meanwhile stays good.
func (s *Signer) Share(ctx context.Context, docs pipeline.Documents) error {
	all, err := docs.All(ctx)
	if err == nil && len(all) == 0 {
		made := make([]byte, secretSize)
		rand.Read(made) // it never fails
		if err = docs.Put(ctx, pipeline.Document{Key: hex.EncodeToString(made[:8]), At: time.Now(), Body: made[8:]}); err == nil {
			all, err = docs.All(ctx)
		}
	}
	if err != nil {
		return fmt.Errorf("read the secrets of links: %w", err)
	}
	var secrets [][]byte
	for _, doc := range slices.Backward(all) {
		secrets = append(secrets, doc.Body)
	}
	s.SetSecrets(secrets...)
	return nil
}

// Run keeps to the secrets that are shared, until ctx ends.
func (s *Signer) Run(ctx context.Context, docs pipeline.Documents, log *slog.Logger) error {
	tick := time.NewTicker(again)
	defer tick.Stop()
	failing := false
	for {
		err := s.Share(ctx, docs)
		if err != nil && !failing && ctx.Err() == nil {
			log.Warn("the secret of links in messages is not there: without it, messages have no links", "err", err)
		}
		failing = err != nil
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}
