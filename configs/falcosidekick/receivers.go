package falcosidekick

import (
	"encoding/base64"
	"net/http"
	"path"
	"strings"
)

// webhook is the output that posts anywhere.
func (c *converter) webhook() {
	address := c.find("webhook.address")
	if address.text == "" {
		return
	}
	lines := []string{"  - name: webhook", "    webhook_configs:", "      - url: " + quoted(address)}
	if strings.EqualFold(c.text("webhook.method"), http.MethodPut) {
		lines = append(lines, "        method: PUT")
	}
	if how := append(c.headers("webhook.customheaders"), c.tls("webhook")...); len(how) > 0 {
		lines = append(append(lines, "        http_config:"), indented("          ", how)...)
	}
	c.note(address, "webhook", "the body is Alertmanager's webhook payload, version 4, not Falco's event: see whether what reads it can")
	c.receivers = append(c.receivers, strings.Join(lines, "\n"))
	c.route("webhook", "webhook")
}

// headers are lines of an http_config. Who we say we are has a key of its own there.
func (c *converter) headers(key string) (lines []string) {
	names, of := c.below(key)
	var headers []string
	for _, name := range names {
		value := of[name]
		switch http.CanonicalHeaderKey(name) {
		case "Authorization":
			lines = append(lines, c.authorization(key, value)...)
		case "Connection", "Content-Encoding", "Content-Length", "Content-Type", "Host", "Proxy-Authorization", "Transfer-Encoding", "User-Agent", "Webhook-Id":
			c.note(value, key+"."+name, "not converted: tocsin sets this header")
		default:
			headers = append(headers, "  "+quote(name)+": {secrets: ["+quoted(value)+"]}")
		}
	}
	if len(headers) > 0 {
		lines = append(append(lines, "http_headers:"), headers...)
	}
	return lines
}

func (c *converter) authorization(key string, value setting) []string {
	scheme, credentials, two := strings.Cut(value.text, " ")
	if strings.EqualFold(scheme, "basic") && two {
		if plain, err := base64.StdEncoding.DecodeString(strings.TrimSpace(credentials)); err == nil {
			user, password, _ := strings.Cut(string(plain), ":")
			return []string{"basic_auth: {username: " + quote(escaped(user)) + ", password: " + quote(escaped(password)) + "}"}
		}
	}
	if !two || strings.EqualFold(scheme, "basic") {
		c.note(value, key+".Authorization", "not converted: neither a token with its type nor a user and password")
		return nil
	}
	return []string{"authorization: {type: " + quote(scheme) + ", credentials: " + quote(escaped(credentials)) + "}"}
}

// tls are lines of an http_config: whom we believe, and our own certificate.
func (c *converter) tls(output string) []string {
	var parts []string
	add := func(key string, file setting, standard string) {
		switch folder := c.text("mutualtlsfilespath"); {
		case file.text != "":
			parts = append(parts, key+": "+quoted(file))
		case standard != "" && folder != "":
			parts = append(parts, key+": "+quote(escaped(path.Join(folder, standard))))
		}
	}
	if c.isTrue(output+".mutualtls", false) {
		add("cert_file", c.find("mutualtlsclient.certfile"), "client.crt")
		add("key_file", c.find("mutualtlsclient.keyfile"), "client.key")
		add("ca_file", c.find("mutualtlsclient.cacertfile"), "ca.crt")
		if len(parts) == 0 {
			c.note(c.find(output+".mutualtls"), output+".mutualtls", "not converted: neither mutualtlsclient nor mutualtlsfilespath says where the certificate is")
		}
	} else {
		add("ca_file", c.find("tlsclient.cacertfile"), "")
	}
	if !c.isTrue(output+".checkcert", true) {
		parts = append(parts, "insecure_skip_verify: true")
	}
	if len(parts) == 0 {
		return nil
	}
	return []string{"tls_config: {" + strings.Join(parts, ", ") + "}"}
}

// mail is the output smtp.
func (c *converter) mail() {
	host := c.find("smtp.hostport")
	if host.text == "" {
		return
	}
	lines := []string{"  - name: mail", "    email_configs:", "      - smarthost: " + quoted(host),
		"        from: " + quoted(c.find("smtp.from")), "        to: " + quoted(c.find("smtp.to"))}
	for _, key := range []string{"from", "to"} {
		if c.text("smtp."+key) == "" {
			c.note(host, "smtp."+key, "is missing: write it into the result")
		}
	}
	if !c.isTrue("smtp.tls", true) {
		lines = append(lines, "        require_tls: false")
	}
	mechanism := c.find("smtp.authmechanism")
	user, password := c.find("smtp.user"), c.find("smtp.password")
	switch how := strings.ToLower(mechanism.text); {
	case how == "plain" || how == "" && user.text != "":
		lines = append(lines, "        auth_mechanism: plain", "        auth_username: "+quoted(user), "        auth_password: "+quoted(password))
		if identity := c.find("smtp.identity"); identity.text != "" {
			lines = append(lines, "        auth_identity: "+quoted(identity))
		}
	case how == "" || how == "none":
	default:
		c.note(mechanism, "smtp.authmechanism", "not converted: mail is sent with PLAIN or LOGIN, or without a login, as now")
	}
	c.receivers = append(c.receivers, strings.Join(lines, "\n"))
	c.route("smtp", "mail")
}

func indented(by string, lines []string) []string {
	all := make([]string, len(lines))
	for i, line := range lines {
		all[i] = by + line
	}
	return all
}
