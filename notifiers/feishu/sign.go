package feishu

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"strconv"
	"time"
)

// sign is what a signed robot wants in the body: the time in seconds, and the base64 of HMAC-SHA256 of nothing with that
// time, a line feed and the secret as key (open.feishu.cn, "custom bot", security settings). It is good for an hour
// around the server's time, and is made anew for every attempt.
func sign(secret string, now time.Time) (timestamp, signature string) {
	timestamp = strconv.FormatInt(now.Unix(), 10)
	mac := hmac.New(sha256.New, []byte(timestamp+"\n"+secret))
	return timestamp, base64.StdEncoding.EncodeToString(mac.Sum(nil))
}
