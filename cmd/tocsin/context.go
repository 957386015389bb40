package main

import (
	"context"

	"github.com/tocsin-security/tocsin/configs"
	"github.com/tocsin-security/tocsin/pipeline"
	"github.com/tocsin-security/tocsin/stages/deployment"
	"github.com/tocsin-security/tocsin/stages/finding"
	"github.com/tocsin-security/tocsin/store/documents"
)

// Kinds of documents in the store.
const (
	kindDeployments = "deployments"
	kindFindings    = "findings"  // what alerts are told
	kindReports     = "reports"   // what rules were asked about
	kindWhitelist   = "whitelist" // what exceptions kept quiet
)

// openContext opens what is known beside the alerts themselves.
func (d *durable) openContext(ctx context.Context, cfg configs.Enrich) {
	d.deployments = deployment.New(ctx, cfg.Deployments, d.documents(kindDeployments, cfg.Deployments.Limit), d.log)
	d.findings = finding.New(cfg.Findings, finding.Deps{
		Subjects: d.documents(kindFindings, cfg.Findings.Limit), Accounts: d.documents(kindReports, cfg.Findings.Limit),
		Publish: d.router.PublishEvents, Log: d.log,
	})
}

// versioned are documents that tell whether they have changed.
type versioned interface {
	pipeline.Documents
	Version(ctx context.Context) (int64, error)
}

// documents opens the documents of a kind, of which at most limit are kept: in the store that the fleet
// shares, or in this process's own file. Each kind is opened once.
func (d *durable) documents(kind string, limit int) versioned {
	if d.shared != nil {
		return documents.New(d.shared, kind, limit)
	}
	return d.store.Documents(kind, limit)
}
