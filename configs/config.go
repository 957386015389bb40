package configs

import (
	"errors"

	"github.com/tocsin-security/tocsin/api"
	"github.com/tocsin-security/tocsin/notifiers"
	"github.com/tocsin-security/tocsin/notifiers/dingtalk"
	"github.com/tocsin-security/tocsin/notifiers/email"
	"github.com/tocsin-security/tocsin/notifiers/feishu"
	filelog "github.com/tocsin-security/tocsin/notifiers/file"
	"github.com/tocsin-security/tocsin/notifiers/slack"
	"github.com/tocsin-security/tocsin/notifiers/stdout"
	"github.com/tocsin-security/tocsin/notifiers/webhook"
	"github.com/tocsin-security/tocsin/notifiers/wechat"
	"github.com/tocsin-security/tocsin/notifiers/wecom"
	"github.com/tocsin-security/tocsin/pipeline"
	"github.com/tocsin-security/tocsin/pipeline/matcher"
	"github.com/tocsin-security/tocsin/rules"
	"github.com/tocsin-security/tocsin/sensor"
	"github.com/tocsin-security/tocsin/stages/dedupe"
	"github.com/tocsin-security/tocsin/stages/deployment"
	"github.com/tocsin-security/tocsin/stages/enrich"
	"github.com/tocsin-security/tocsin/stages/finding"
	"github.com/tocsin-security/tocsin/stages/oncall"
	"github.com/tocsin-security/tocsin/stages/render"
	"github.com/tocsin-security/tocsin/stages/route"
	"github.com/tocsin-security/tocsin/stages/route/inhibit"
	"github.com/tocsin-security/tocsin/stages/route/interval"
	"github.com/tocsin-security/tocsin/stages/silence"
	"github.com/tocsin-security/tocsin/stages/whitelist"
	"github.com/tocsin-security/tocsin/stages/window"
	"github.com/tocsin-security/tocsin/store/history"
)

// Config is a whole configuration file. Each block belongs to the package that uses it.
type Config struct {
	DataDir   string           `yaml:"data_dir"` // embedded bus and store; created 0700
	Sensor    sensor.Config    `yaml:"sensor"`
	Rules     rules.Config     `yaml:"rules"`
	Sources   Sources          `yaml:"sources"`
	Whitelist whitelist.Config `yaml:"whitelist"`
	Enrich    Enrich           `yaml:"enrich"`
	Windows   window.Config    `yaml:"windows"`
	Dedupe    dedupe.Config    `yaml:"dedupe"`
	Bus       pipeline.Secret  `yaml:"bus"`        // a URL, which may hold a password; or embedded
	Store     pipeline.Secret  `yaml:"store"`      // likewise
	StoreFile string           `yaml:"store_file"` // holds the URL, in place of store
	History   history.Config   `yaml:"history"`
	HTTP      api.Config       `yaml:"http"`
	Render    render.Config    `yaml:"render"`
	Silences  silence.Config   `yaml:"silences"`
	OnCall    oncall.Config    `yaml:"on_call"`

	MatchersMode      matcher.Mode      `yaml:"matchers_mode"` // ours: fallback (default), utf8 or classic
	Global            Global            `yaml:"global"`
	Route             route.Config      `yaml:"route"`
	Receivers         []Receiver        `yaml:"receivers"`
	InhibitRules      []inhibit.Config  `yaml:"inhibit_rules"`
	TimeIntervals     []interval.Config `yaml:"time_intervals"`
	MuteTimeIntervals []interval.Config `yaml:"mute_time_intervals"` // Alertmanager's older key for the same
	Templates         []string          `yaml:"templates"`           // template files, globs
	Summaries         route.Summaries   `yaml:"summaries"`           // ours: of what silences and intervals kept back
}

// Global holds defaults for receivers.
type Global struct {
	email.Global   `yaml:",inline"`
	Slack          slack.Global         `yaml:",inline"`
	WeChat         wechat.Global        `yaml:",inline"`
	ResolveTimeout pipeline.Duration    `yaml:"resolve_timeout"` // alerts posted without an end fire so long, and an event counts as firing for others; default 5m
	HTTPConfig     notifiers.HTTPConfig `yaml:"http_config"`     // of webhooks that have none of their own
}

// Validate returns every mistake, each beginning with its key.
func (g Global) Validate() error {
	return errors.Join(g.Global.Validate(), g.WeChat.Validate(), g.Slack.Validate(), g.HTTPConfig.Validate())
}

// Receiver is a named list of channels.
type Receiver struct {
	Name     string            `yaml:"name"`
	Labels   map[string]string `yaml:"labels"`   // for whoever asks for receivers; its name is one of them
	Fallback string            `yaml:"fallback"` // receiver of what no channel here can take
	WeCom    []wecom.Config    `yaml:"wecom_configs"`
	WeChat   []wechat.Config   `yaml:"wechat_configs"` // a WeCom application
	DingTalk []dingtalk.Config `yaml:"dingtalk_configs"`
	Feishu   []feishu.Config   `yaml:"feishu_configs"`
	Slack    []slack.Config    `yaml:"slack_configs"`
	Email    []email.Config    `yaml:"email_configs"`
	Webhook  []webhook.Config  `yaml:"webhook_configs"`
	File     []filelog.Config  `yaml:"file_configs"`
	Stdout   []stdout.Config   `yaml:"stdout_configs"`
}

// Defaults is what every key has that a file does not set.
func Defaults() Config {
	return Config{
		DataDir:   "data",
		Whitelist: whitelist.DefaultConfig(),
		Sensor:    sensor.DefaultConfig(),
		Rules:     rules.DefaultConfig(),
		Enrich:    Enrich{Config: enrich.DefaultConfig(), Deployments: deployment.DefaultConfig(), Findings: finding.DefaultConfig()},
		Windows:   window.DefaultConfig(),
		Bus:       "embedded",
		Store:     "embedded",
		History:   history.DefaultConfig(),
		HTTP:      api.DefaultConfig(),
		Summaries: route.DefaultSummaries(),
		Silences:  silence.DefaultConfig(),
	}
}
