package dingtalk

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"net/url"
	"strconv"
	"time"
)

// signed is u with timestamp and sign in its query, as 加签 wants them: the signature is HMAC-SHA256
// with the secret as key over the time in milliseconds, a line feed and the secret, in base64. It is
// good for an hour around the server's time, and is made anew for every attempt.
func signed(u *url.URL, secret string, now time.Time) *url.URL {
	if secret == "" {
		return u
	}
	timestamp := strconv.FormatInt(now.UnixMilli(), 10)
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(timestamp + "\n" + secret))
	s := *u
	q := s.Query()
	q.Set("timestamp", timestamp)
	q.Set("sign", base64.StdEncoding.EncodeToString(mac.Sum(nil)))
	s.RawQuery = q.Encode() // escapes + and =, which would break the signature raw
	return &s
}
