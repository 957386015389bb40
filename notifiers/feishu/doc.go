// Package feishu posts to a Feishu or Lark custom bot: cards (version 2) or plain text. The token in the address is the
// robot's identity and, where it is not signed, its only secret.
//
// Trap: its signature has everything the other way round from DingTalk's: seconds, the secret in the key and no message,
// in the body.
package feishu
