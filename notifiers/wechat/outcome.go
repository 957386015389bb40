package wechat

import (
	"fmt"
	"time"

	"github.com/tocsin-security/tocsin/notifiers"
	"github.com/tocsin-security/tocsin/pipeline"
)

// staleToken reports whether a token ended early or is another's: then there is a new one to be had.
func staleToken(code int) bool { return code == 42001 || code == 40014 }

// refusal is an answer that is not 0.
func refusal(c *notifiers.Client, doing string, code notifiers.Code) *pipeline.DeliveryError {
	class, after, meaning := outcomeOf(code.Code)
	e := c.Fail(class, fmt.Errorf("%s: errcode %d: %s (%s)", doing, code.Code, meaning, code.Message))
	e.RetryAfter = after
	e.TooLong = code.Code == 45002 || code.Code == 40058
	return e
}

// outcomeOf reads an error code: developer.work.weixin.qq.com, "global error codes".
func outcomeOf(code int) (class pipeline.DeliveryClass, after time.Duration, meaning string) {
	switch code {
	case -1:
		return pipeline.Retry, 0, "WeCom is busy"
	case 45009:
		return pipeline.Retry, time.Minute, "too many calls"
	case 42001, 40014:
		return pipeline.Retry, 0, "the token is not valid, and a new one neither"
	case 40001:
		return pipeline.ChannelDown, 0, "api_secret is wrong"
	case 40013:
		return pipeline.ChannelDown, 0, "corp_id is wrong"
	case 40056:
		return pipeline.ChannelDown, 0, "agent_id is wrong"
	case 60020:
		return pipeline.ChannelDown, 0, "this machine's address is not among the application's trusted ones; it stands in the answer"
	case 81013:
		return pipeline.BadMessage, 0, "no recipient is known, or the application is not visible to them"
	case 45002, 40058:
		return pipeline.BadMessage, 0, "the message is too long, or a parameter is bad"
	case 44004:
		return pipeline.BadMessage, 0, "the message is empty"
	default:
		return pipeline.BadMessage, 0, "unknown code"
	}
}
