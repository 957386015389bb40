// Package wechat sends messages of a WeCom (企业微信) application to members, departments and tags of an organisation, as
// Alertmanager's wechat_configs do. The application's secret buys a token for two hours, which all that use the
// application share.
//
// Trap: WeCom drops, with errcode 0, what a member gets beyond 30 messages a minute or 1,000 an hour. So the limits are
// of the application (Limits): no member can get more than all of it.
package wechat
