package templates

import (
	"fmt"
	"time"
)

// zhDuration is how long something took, in Chinese, in two units at most: zhDuration "125m" is "2 小时 5 分". It takes a
// duration, as since gives, or the text of one. What is none stays as it is: an alert is never lost to a template.
func zhDuration(v any) (string, error) {
	d, ok := v.(time.Duration)
	if text, isText := v.(string); isText {
		var err error
		if d, err = time.ParseDuration(text); err != nil {
			return text, nil
		}
	} else if !ok {
		return "", fmt.Errorf("%T is neither a duration nor a text", v)
	}
	sign := ""
	if d < 0 {
		sign, d = "负 ", -d
	}
	if d < time.Minute {
		return sign + fmt.Sprint(int64(d/time.Second), " 秒"), nil
	}
	large, small, names := d/time.Minute, time.Duration(0), [2]string{"分"}
	switch {
	case d >= 24*time.Hour:
		large, small, names = d/(24*time.Hour), d%(24*time.Hour)/time.Hour, [2]string{"天", "小时"}
	case d >= time.Hour:
		large, small, names = d/time.Hour, d%time.Hour/time.Minute, [2]string{"小时", "分"}
	}
	text := sign + fmt.Sprint(int64(large), " ", names[0])
	if small > 0 {
		text += fmt.Sprint(" ", int64(small), " ", names[1])
	}
	return text, nil
}
