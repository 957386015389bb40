package api

import (
	"strconv"
	"strings"
)

// pageWords are the texts of the page of links in a language.
type pageWords struct {
	Ack, Silence               string // titles and buttons
	Acked, Silenced            string // done; %s: who, until when
	Scope, Exact, Wide         string
	For, Name, Comment, Why    string
	Rule, Severity, Time, Host string
	Workload, Output, Already  string
	Alert                      string // its fingerprint
	Unknown, Expired, Forged   string
	Foreign, Away, NoName      string
	NoComment, NoAlert         string
	Durations                  []string
}

// pageDurations are for how long somebody can choose, in the order of pageWords.Durations.
var pageDurations = []string{"1h", "4h", "24h"}

var pageTexts = map[string]pageWords{
	"en": {
		Ack: "Acknowledge", Silence: "Silence",
		Acked: "%s takes care of it until %s. It is not told again until then.", Silenced: "Silenced by %s until %s.",
		Scope: "What to silence", Exact: "exactly this alert", Wide: "this rule on this workload",
		For: "For", Name: "Your name", Comment: "Comment", Why: "Why (required)",
		Rule: "Rule", Severity: "Severity", Time: "Time", Host: "Host", Workload: "Workload", Output: "Details",
		Already: "Taken care of by", Alert: "Alert",
		Unknown: "Of this alert nothing more is known here.",
		Expired: "This link has expired: use one of a later message.", Forged: "This link is not one of ours, or was changed on its way.",
		Foreign: "This was sent from another page, and nothing was changed: open the link in the message again.",
		Away:    "Nothing was changed: the store does not answer. Try again in a moment.",
		NoName:  "Please say who you are.", NoComment: "Please say why: whoever wonders where the alert went will read it.",
		NoAlert:   "This alert is no longer known here, so it cannot be silenced by a link: use tocsin silence add.",
		Durations: []string{"1 hour", "4 hours", "24 hours"},
	},
	"zh": {
		Ack: "认领告警", Silence: "静默告警",
		Acked: "%s 已认领，%s 之前不再重复通知。", Silenced: "已由 %s 静默至 %s。",
		Scope: "静默范围", Exact: "仅此告警", Wide: "此工作负载上的该规则",
		For: "时长", Name: "姓名", Comment: "备注", Why: "原因（必填）",
		Rule: "规则", Severity: "级别", Time: "时间", Host: "主机", Workload: "工作负载", Output: "详情",
		Already: "已认领", Alert: "告警",
		Unknown: "此处没有该告警的更多信息。",
		Expired: "链接已过期，请使用更新的消息中的链接。", Forged: "链接无效，或在传递中被修改。",
		Foreign: "请求来自其他页面，未做任何更改：请重新打开消息中的链接。",
		Away:    "存储暂不可用，未做任何更改，请稍后再试。",
		NoName:  "请填写姓名。", NoComment: "请填写原因，便于他人了解告警为何被静默。",
		NoAlert:   "此处已没有该告警的信息，无法通过链接静默，请使用 tocsin silence add。",
		Durations: []string{"1 小时", "4 小时", "24 小时"},
	},
}

// pageLanguage is the one of the languages of the page that a browser wants most; otherwise without a wish for one.
func pageLanguage(accept, otherwise string) string {
	best, weight := otherwise, 0.0
	for wish := range strings.SplitSeq(accept, ",") {
		tag, params, _ := strings.Cut(strings.TrimSpace(wish), ";")
		language, _, _ := strings.Cut(strings.ToLower(tag), "-")
		if _, known := pageTexts[language]; !known {
			continue
		}
		q := 1.0
		if text, ok := strings.CutPrefix(strings.TrimSpace(params), "q="); ok {
			q, _ = strconv.ParseFloat(text, 64) // what is no number wants nothing
		}
		if q > weight {
			best, weight = language, q
		}
	}
	if _, known := pageTexts[best]; !known {
		return "zh"
	}
	return best
}
