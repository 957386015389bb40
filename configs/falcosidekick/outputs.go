package falcosidekick

import (
	"slices"
	"strings"
)

// output is a block of Falcosidekick's that sends somewhere.
type output struct {
	name string   // its key; of those in a cloud's block, with that
	on   []string // keys below it that switch it on, by not being empty
	why  string   // what to do, where there is no receiver for it
}

const (
	chat     = "no receiver for it: WeCom, DingTalk, Feishu, Slack, mail and webhooks are there"
	incoming = "write a receiver with slack_configs: [{api_url: …}], which posts what this takes (docs/receivers/slack.md)"
	sink     = "no receiver for it: a webhook_configs entry can post to something that writes there"
	posts    = "a webhook_configs entry can post there, but the body is Alertmanager's webhook payload, not Falco's event: see whether what reads it can"
)

// outputs that are not converted, by name. What is converted is in receivers.go.
var outputs = []output{
	{"slack", []string{"webhookurl"}, incoming}, {"rocketchat", []string{"webhookurl"}, incoming}, {"mattermost", []string{"webhookurl"}, incoming},
	{"teams", []string{"webhookurl"}, chat}, {"discord", []string{"webhookurl"}, chat}, {"googlechat", []string{"webhookurl"}, chat},
	{"cliq", []string{"webhookurl"}, chat}, {"webex", []string{"webhookurl"}, chat}, {"telegram", []string{"token"}, chat},
	{"gotify", []string{"hostport"}, chat}, {"zoho", []string{"webhookurl"}, chat},
	{"pagerduty", []string{"routingkey"}, chat}, {"opsgenie", []string{"apikey"}, chat}, {"grafanaoncall", []string{"webhookurl"}, chat},
	{"alertmanager", []string{"hostport"}, "tocsin does what Alertmanager did: put its route, receivers and the rest into this file (docs/routing-config.md), and let what posted alerts to Alertmanager post them to tocsin"},
	{"nodered", []string{"address"}, posts}, {"n8n", []string{"address"}, posts}, {"tekton", []string{"eventlistener"}, posts},
	{"kafkarest", []string{"address"}, posts}, {"cloudevents", []string{"address"}, posts}, {"talon", []string{"address"}, posts},
	{"openfaas", []string{"functionname"}, posts}, {"kubeless", []string{"function"}, posts}, {"fission", []string{"function"}, posts},
	{"grafana", []string{"hostport"}, sink}, {"datadog", []string{"apikey"}, sink}, {"datadoglogs", []string{"apikey"}, sink},
	{"elasticsearch", []string{"hostport"}, sink}, {"influxdb", []string{"hostport"}, sink}, {"loki", []string{"hostport"}, sink},
	{"sumologic", []string{"receiverurl"}, sink}, {"nats", []string{"hostport"}, sink}, {"stan", []string{"hostport"}, sink},
	{"kafka", []string{"hostport"}, sink}, {"rabbitmq", []string{"url"}, sink}, {"mqtt", []string{"broker"}, sink},
	{"redis", []string{"address"}, sink}, {"statsd", []string{"forwarder"}, sink}, {"dogstatsd", []string{"forwarder"}, sink},
	{"prometheus", nil, ""}, {"webui", []string{"url"}, "tocsin keeps a history of its own"},
	{"policyreport", []string{"enabled"}, sink}, {"wavefront", []string{"endpointhost"}, sink}, {"syslog", []string{"host"}, sink},
	{"zincsearch", []string{"hostport"}, sink}, {"spyderbat", []string{"orguid"}, sink}, {"timescaledb", []string{"host"}, sink},
	{"openobserve", []string{"hostport"}, sink}, {"dynatrace", []string{"apiurl"}, sink}, {"sigsci", []string{"address"}, sink},
	{"logstash", []string{"address"}, sink}, {"splunk", []string{"host"}, sink}, {"quickwit", []string{"hostport"}, sink},
	{"otlp", []string{"traces.endpoint", "metrics.endpoint", "logs.endpoint"}, sink},
	{"aws", []string{"lambda.functionname", "sqs.url", "sns.topicarn", "cloudwatchlogs.loggroup", "s3.bucket", "kinesis.streamname", "securitylake.bucket"}, sink},
	{"azure", []string{"eventhub.name"}, sink},
	{"gcp", []string{"pubsub.topic", "storage.bucket", "cloudfunctions.name", "cloudrun.endpoint"}, sink},
	{"yandex", []string{"s3.bucket", "datastreams.streamname"}, sink},
}

// general are the keys that are no outputs, with what becomes of those that are not converted.
var general = map[string]string{
	"listenaddress":      "",
	"listenport":         "",
	"debug":              "tocsin has --log-level debug",
	"customfields":       "",
	"templatedfields":    "labels cannot be made of an event's fields here; a rule's append_output or a template of a receiver can show them",
	"customtags":         "alerts have the tags of their rules alone",
	"bracketreplacer":    "",
	"outputfieldformat":  "the text of messages is a matter of templates: docs/templates.md",
	"mutualtlsfilespath": "",
	"mutualtlsclient":    "",
	"tlsclient":          "",
	"tlsserver":          "set http.tls by hand: cert_file, key_file, and client_ca_file for clients' certificates",
}

// isBlock reports whether a key at the top of the file, or the beginning of a variable, is Falcosidekick's.
func isBlock(name string) bool {
	_, known := general[name]
	return known || name == "webhook" || name == "smtp" || slices.ContainsFunc(outputs, func(o output) bool { return o.name == name })
}

// sends says by which of its keys an output is switched on.
func (o output) sends(s *settings) (by setting, on bool) {
	for _, key := range o.on {
		if by = s.find(o.name + "." + key); by.text != "" && !strings.EqualFold(by.text, "false") {
			return by, true
		}
	}
	return setting{}, false
}
