// Package slack posts to an incoming webhook of Slack, or of what takes the same (Mattermost, Rocket.Chat): one attachment
// with a colour, a title and a text. The address is the password.
package slack
