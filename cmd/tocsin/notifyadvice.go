package main

// advice is what to do about a failure that has a sign in its text.
type advice struct {
	sign, zh, en string
	foreign      bool // the sign is not a notifier's word but of Go's, of a mail server's, or a number put in
}

// advices are the first ones first: what is more special stands before.
var advices = []advice{
	{"the key is wrong, or the robot was removed", "检查 url 中的 key 是否完整（只粘贴一次），机器人是否仍在群里；必要时重新创建机器人并更新地址", "check that url has the whole key, once, and that the robot is still in its group; else make a new robot and set its address", false},
	{"the robot is disabled or no longer in the group", "在群设置中重新启用或添加该机器人", "enable the robot again in the group's settings, or add it", false},
	{"the address is wrong, or the robot was removed", "检查 url 地址是否完整，机器人是否仍在群里；必要时重新创建机器人并更新地址", "check that url is whole, and that the robot is still in its group; else make a new robot and set its address", false},
	{"the access token does not exist", "检查 url 中的 access_token 是否完整；机器人可能已被删除", "check that url has the whole access_token; the robot may have been deleted", false},
	{"the robot is stopped, was removed", "在钉钉群设置中启用机器人，或重新添加并更新地址", "enable the robot in the group's settings, or add one and set its address", false},
	{"no keyword of the robot", "把机器人安全设置里的一个关键词写入 keywords", "write one of the keywords of the robot's security settings under keywords", false},
	{"clock agrees with the server's", "密钥不符（时钟没有问题）：检查 secret 是否为该机器人的加签密钥", "the secret is wrong, the clock is right: check that secret is the signing key of this robot", false},
	{"this machine's clock is", "密钥不符，时钟也不对：检查 secret 是否为该机器人的加签密钥，并校准本机时钟（chronyc tracking）", "the secret is wrong, and so is the clock: check that secret is the signing key of this robot, and set this machine's clock (chronyc tracking)", false},
	{"the signature was refused", "检查 secret 是否为该机器人的加签密钥，并校准本机时钟（chronyc tracking）", "check that secret is the signing key of this robot, and set this machine's clock (chronyc tracking)", false},
	{"this machine's address is not", "把本机出口 IP（见上面的应答）加入机器人或应用的 IP 白名单", "add the address that this machine is seen by (in the answer above) to the list of the robot or the application", false},
	{"more than 20 messages a minute", "该机器人一分钟内消息过多：稍后再试，并检查是否有其他程序在使用它", "the robot had too many messages: try later, and see what else uses it", false},
	{"too many messages", "消息过多：稍后再试", "too many messages: try later", false},
	{"too many calls", "调用过多：稍后再试", "too many calls: try later", false},
	{"the organisation's quota", "企业的调用额度已用完：等到明天，或在管理后台提升额度", "the organisation's quota of calls is used up: wait until tomorrow, or raise it", false},
	{"api_secret is wrong", "检查 api_secret 是否属于该应用（agent_id）", "check that api_secret is the one of this application (agent_id)", false},
	{"corp_id is wrong", "检查 corp_id（企业 ID）", "check corp_id, the id of the organisation", false},
	{"agent_id is wrong", "检查 agent_id（应用编号）", "check agent_id, the number of the application", false},
	{"no recipient is known", "检查 to_user、to_party、to_tag 是否在应用的可见范围内", "check to_user, to_party and to_tag, and that the application is visible to them", false},
	{"moderation refused", "内容审核拒绝了消息：避免在模板中放可点击的外部链接", "the moderation refused the text: leave links to other places out of templates", false},
	{"unsafe", "内容审核拒绝了消息", "the moderation refused the text", false},
	{"message type or characters are not allowed", "消息类型或字符不被接受：检查 msgtype 和模板", "the channel does not take this type or these characters: check msgtype and the template", false},
	{"the request is malformed", "渠道认为请求有误：检查自定义模板；没有自定义模板时请报告此问题", "the channel finds the request wrong: check the template; if it is the built-in one, report this", false},
	{"the message is too long", "消息过长：缩短模板", "the message is too long: make the template shorter", false},
	{"a parameter is bad", "消息过长或参数有误：检查模板和接收者配置", "the message is too long or an entry is wrong: check the template and the receiver", false},
	{"the message is empty", "消息为空：检查模板", "the message is empty: check the template", false},
	{"nothing is sent there", "出于安全不向该地址发送：确认地址无误后，用 http_config.allow_networks 放行", "nothing is sent to such an address, for safety: if it is meant, name it in http_config.allow_networks", false},
	{"certificate is valid for", "证书与主机名不符：检查地址，或设置 http_config.tls_config.server_name", "the certificate is for another name: check the address, or set http_config.tls_config.server_name", true},
	{"certificate signed by unknown authority", "不受信任的证书：用 http_config.tls_config.ca_file 指定签发它的 CA", "the certificate is of nobody this machine trusts: name its CA in http_config.tls_config.ca_file", true},
	{"certificate has expired", "对方证书已过期，或本机时钟不对", "the certificate has expired, or this machine's clock is wrong", true},
	{"no such host", "域名无法解析：检查地址与 DNS", "the name is not known: check the address and DNS", true},
	{"proxyconnect", "代理无法连接：检查 http_config.proxy_url", "the proxy cannot be reached: check http_config.proxy_url", true},
	{"connection refused", "对方没有监听该端口：检查地址与端口、防火墙或代理", "nobody listens there: check address and port, firewall and proxy", true},
	{"i/o timeout", "连接超时：检查防火墙、出口代理（http_config.proxy_url）", "no answer in time: check firewalls, and whether a proxy is needed (http_config.proxy_url)", true},
	{"deadline exceeded", "没有及时应答：检查防火墙、出口代理（http_config.proxy_url）", "no answer in time: check firewalls, and whether a proxy is needed (http_config.proxy_url)", true},
	{"HTTP status 401", "对方要求认证：检查 http_config 中的 basic_auth 或 authorization", "it wants a login: check basic_auth or authorization in http_config", true},
	{"HTTP status 403", "对方拒绝访问：检查凭据和 IP 白名单", "it refuses us: check the login, and lists of addresses", true},
	{"HTTP status 404", "地址不存在：检查 url", "there is nothing at this address: check url", true},
	{"HTTP status 407", "代理要求认证：把用户名和密码写入 http_config.proxy_url", "the proxy wants a login: set http_config.proxy_url with user and password; this is the login at the proxy, not at the channel", true},
	{"HTTP status 429", "请求过多：稍后再试", "too many requests: try later", true},
	{"HTTP status 5", "对方暂时故障：稍后再试；若持续，查看对方或网关的状态", "the other side is in trouble: try later; if it lasts, look at its state, or the gateway's", true},
	{"HTTP status 3", "地址已跳转：把 url 改为新地址，跳转不会被跟随", "it points elsewhere: set url to the new address; redirects are not followed", true},
	{"the answer is not a robot's", "应答不是机器人的：可能是代理或网关的页面，检查 url 和代理", "the answer is not the robot's but maybe a proxy's or gateway's page: check url and proxy", false},
	{"authenticate", "SMTP 登录失败：检查 auth_username 和 auth_password（很多邮箱需要客户端授权码）", "the login failed: check auth_username and auth_password (many providers want a password for programs)", false},
	{"STARTTLS", "对方不支持 STARTTLS：换端口（465 为隐式 TLS），或明确设置 require_tls: false", "there is no STARTTLS: use another port (465 has TLS from the start), or say require_tls: false", false},
	{"unknown code", "未知的应答码：对照渠道的文档", "a code that is not known here: look it up in the channel's documentation", false},
}
