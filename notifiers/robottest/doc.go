// Package robottest is a stand-in for WeCom's, DingTalk's and Feishu's robots in tests: it checks what they
// check (key, signature, keyword, size, quota) and answers as they do, with HTTP 200 and an errcode.
//
// It is written from their documentation and shares no code with the senders it judges.
package robottest
