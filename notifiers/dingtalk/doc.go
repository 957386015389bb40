// Package dingtalk posts to a DingTalk (钉钉) custom robot: signed, markdown, with mentions.
//
// It keeps no quota: above 20 messages a minute DingTalk blocks the robot for ten minutes, which is
// handed on as RetryAfter.
package dingtalk
