package dingtalk

import (
	"strings"
	"time"

	"github.com/tocsin-security/tocsin/notifiers"
	"github.com/tocsin-security/tocsin/pipeline"
)

// ban is how long DingTalk blocks a robot that sent more than 20 messages in a minute.
const ban = 10 * time.Minute

// outcomeOf reads an answer: open.dingtalk.com, "custom robots", and codes from clients' logs. The code
// for too many messages has changed over time, so the text counts too.
func outcomeOf(c notifiers.Code) (class pipeline.DeliveryClass, after time.Duration, meaning string) {
	switch {
	case c.Code == 130101, c.Code == 410100, tooFast(c.Message):
		return pipeline.Retry, ban, "more than 20 messages a minute: DingTalk blocks the robot for 10 minutes"
	case c.Code == -1:
		return pipeline.Retry, 0, "DingTalk is busy"
	case c.Code == 310000:
		return refused(refusal(c))
	}
	switch c.Code {
	case 90030:
		return pipeline.ChannelDown, 0, "the organisation's quota of calls is used up"
	case 300001, 300005, 400101:
		return pipeline.ChannelDown, 0, "the access token does not exist"
	case 400102, 400106, 400013:
		return pipeline.ChannelDown, 0, "the robot is stopped, was removed, or its group is dissolved"
	case 400105, 40035, 43004, 43002:
		return pipeline.BadMessage, 0, "the request is malformed"
	case 430101, 430102, 430103, 430104:
		return pipeline.BadMessage, 0, "DingTalk's moderation refused a link, text or image"
	case 460101, 101002:
		return pipeline.BadMessage, 0, "the message is too long"
	default:
		return pipeline.BadMessage, 0, "unknown code"
	}
}

func tooFast(errmsg string) bool {
	text := strings.ToLower(errmsg)
	for _, sign := range []string{"too fast", "限流", "exceed 20 times"} {
		if strings.Contains(text, sign) {
			return true
		}
	}
	return false
}

func refused(reason string) (pipeline.DeliveryClass, time.Duration, string) {
	switch reason {
	case keywordMissing:
		return pipeline.BadMessage, 0, "no keyword of the robot is in the message: list them under keywords"
	case signRefused:
		return pipeline.ChannelDown, 0, "the signature was refused: check secret and this machine's clock"
	default:
		return pipeline.ChannelDown, 0, "this machine's address is not on the robot's list"
	}
}
