// Package wecom posts to a WeCom (企业微信) group robot, which WeCom now calls message push. The key in
// the address is the only secret and the robot's identity.
//
// It keeps no quota: a robot takes 20 messages a minute, whoever sends them, and answers 45009 beyond.
package wecom
