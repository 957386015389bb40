package configs

import (
	"strings"

	"github.com/goccy/go-yaml/ast"

	"github.com/tocsin-security/tocsin/rules"
)

// foreignKey is a key of Alertmanager's that this build reads past: what follows from that, and how bad it is.
type foreignKey struct {
	why      string
	severity rules.Severity
}

func warn(why string) foreignKey { return foreignKey{why, rules.Warning} }

// only says that a global key is a default for channels that are not there.
func only(channel string) foreignKey {
	return foreignKey{"it is a default for " + channel + ", which this build does not have", rules.Warning}
}

// channelName is how people call the service behind Alertmanager's channels that this build does not have.
var channelName = map[string]string{
	"pagerduty_configs":  "PagerDuty",
	"opsgenie_configs":   "Opsgenie",
	"victorops_configs":  "VictorOps",
	"pushover_configs":   "Pushover",
	"sns_configs":        "SNS",
	"telegram_configs":   "Telegram",
	"discord_configs":    "Discord",
	"webex_configs":      "Webex",
	"msteams_configs":    "Microsoft Teams",
	"msteamsv2_configs":  "Microsoft Teams",
	"jira_configs":       "Jira",
	"rocketchat_configs": "Rocket.Chat",
	"mattermost_configs": "Mattermost",
	"incidentio_configs": "incident.io",
}

// globalPrefix are the beginnings of global keys by the channel whose defaults they are.
var globalPrefix = map[string]string{
	"pagerduty_": "pagerduty_configs", "opsgenie_": "opsgenie_configs", "victorops_": "victorops_configs",
	"telegram_": "telegram_configs", "webex_": "webex_configs", "rocketchat_": "rocketchat_configs",
	"mattermost_": "mattermost_configs", "jira_": "jira_configs", "incidentio_": "incidentio_configs",
}

// foreignKeys are the other keys, by the key that they are below; the ones at the top are below "".
var foreignKeys = map[string]map[string]foreignKey{
	"": {
		"tracing":        warn("this build sends no traces"),
		"event_recorder": warn("this build has no event recorder; the history of alerts is always kept"),
	},
	"slack_configs": {
		"color":          warn("the colour follows the severity"),
		"pretext":        warn("there is a title and a text: put it into text"),
		"footer":         warn("there is a title and a text: put it into text"),
		"fallback":       warn("push messages show the title"),
		"fields":         warn("there is a title and a text: put them into text"),
		"short_fields":   warn("there are no fields"),
		"actions":        warn("there are no buttons: put links into text"),
		"callback_id":    warn("there are no buttons"),
		"image_url":      warn("there are no images"),
		"thumb_url":      warn("there are no images"),
		"link_names":     warn("names in texts are not made mentions: a command line could call everybody"),
		"mrkdwn_in":      warn("only the text has markup"),
		"timeout":        warn("an attempt has 10s"),
		"app_token":      {"only incoming webhooks are posted to: set api_url", rules.Error},
		"app_token_file": {"only incoming webhooks are posted to: set api_url", rules.Error},
		"app_url":        {"only incoming webhooks are posted to: set api_url", rules.Error},
		"message_text":   warn("there is a title and a text: put it into text"),
	},
	"tls_config": {
		"ca_ref":   warn("references to secrets are for Alertmanager inside other programs: use ca_file"),
		"cert_ref": warn("references to secrets are for Alertmanager inside other programs: use cert_file"),
		"key_ref":  warn("references to secrets are for Alertmanager inside other programs: use key_file"),
	},
	"basic_auth": {
		"username_file": {"the name is not read from a file: write username", rules.Error},
		"username_ref":  {"references to secrets are for Alertmanager inside other programs: write username", rules.Error},
		"password_ref":  {"references to secrets are for Alertmanager inside other programs: use password_file", rules.Error},
	},
	"authorization": {
		"credentials_ref": {"references to secrets are for Alertmanager inside other programs: use credentials_file", rules.Error},
	},
}

// foreign reports a key that is Alertmanager's and not ours. below is the key that it is under.
func (f *file) foreign(entry *ast.MappingValueNode, below string) bool {
	key := entry.Key.GetToken().Value
	known, ok := foreignKeys[below][key]
	switch {
	case below == "receivers" && channelName[key] != "":
		return true // see checkReceiver
	case strings.HasSuffix(below, "tls_config"):
		known, ok = foreignKeys["tls_config"][key]
	case below == "global" && !ok:
		for prefix, channel := range globalPrefix {
			if strings.HasPrefix(key, prefix) {
				known, ok = only(channel), true
			}
		}
	}
	if ok {
		f.find(known.severity, entry.Key, key+": "+known.why, "")
	}
	return ok
}

func isEmptyList(node ast.Node) bool {
	list, ok := unwrap(node).(*ast.SequenceNode)
	return ok && len(list.Values) == 0
}

// checkChannels reports the channels of receivers that this build does not have, and receivers that have no others.
// A receiver without any channel is left alone: that is how alerts are told to nobody on purpose.
func (f *file) checkChannels(body ast.Node) {
	for _, top := range entries(body) {
		list, ok := unwrap(top.Value).(*ast.SequenceNode)
		if !ok || top.Key.GetToken().Value != "receivers" {
			continue
		}
		for _, receiver := range list.Values {
			f.checkReceiver(receiver)
		}
	}
}

func (f *file) checkReceiver(receiver ast.Node) {
	var missing []*ast.MappingValueNode
	var keys []string
	var name ast.Node
	works := false
	for _, entry := range entries(receiver) {
		key := entry.Key.GetToken().Value
		switch {
		case key == "name":
			name = entry.Value
		case !strings.HasSuffix(key, "_configs") || isEmptyList(entry.Value):
		case channelName[key] == "":
			works = true
		default:
			missing, keys = append(missing, entry), append(keys, key)
		}
	}
	if len(missing) > 0 && !works && name != nil {
		f.find(rules.Error, name, "receiver "+quote(name.GetToken().Value)+" has nothing but "+strings.Join(keys, ", ")+
			": what is routed to it reaches nobody", "give it wecom_configs, dingtalk_configs, feishu_configs, email_configs or webhook_configs")
	}
	for _, entry := range missing {
		why := "this build has no " + channelName[entry.Key.GetToken().Value]
		if works {
			why += "; the receiver's other channels work"
		}
		f.find(rules.Warning, entry.Key, entry.Key.GetToken().Value+": "+why, "")
	}
}
