package configs

import (
	"fmt"

	"github.com/tocsin-security/tocsin/notifiers"
)

// channel is one entry of a receiver, for validation.
type channel struct {
	path     string // below the receiver: wecom_configs[0]
	validate func(Global) error
	calls    notifiers.Mention // whom of the people on call
}

// channels lists a receiver's entries in the order of their keys.
func (r Receiver) channels() []channel {
	var all []channel
	all = append(all, entriesOf("wecom_configs", r.WeCom)...)
	for i, c := range r.WeChat {
		all = append(all, channel{
			path:     fmt.Sprintf("wechat_configs[%d]", i),
			validate: func(g Global) error { return c.Merge(g.WeChat).Validate() },
			calls:    c.Calls(),
		})
	}
	all = append(all, entriesOf("dingtalk_configs", r.DingTalk)...)
	all = append(all, entriesOf("feishu_configs", r.Feishu)...)
	for i, c := range r.Slack {
		all = append(all, channel{
			path:     fmt.Sprintf("slack_configs[%d]", i),
			validate: func(g Global) error { return c.Merge(g.Slack).Validate() },
		})
	}
	for i, c := range r.Email {
		all = append(all, channel{
			path:     fmt.Sprintf("email_configs[%d]", i),
			validate: func(g Global) error { return c.Merge(g.Global).Validate() },
			calls:    c.Calls(),
		})
	}
	all = append(all, entriesOf("webhook_configs", r.Webhook)...)
	all = append(all, entriesOf("file_configs", r.File)...)
	all = append(all, entriesOf("stdout_configs", r.Stdout)...)
	return all
}

func entriesOf[T interface{ Validate() error }](key string, configs []T) []channel {
	var all []channel
	for i, c := range configs {
		entry := channel{path: fmt.Sprintf("%s[%d]", key, i), validate: func(Global) error { return c.Validate() }}
		if who, ok := any(c).(calling); ok {
			entry.calls = who.Calls()
		}
		all = append(all, entry)
	}
	return all
}
