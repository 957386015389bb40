// Package render turns a Notification into the Message of one channel: title, body, HTML, or the JSON
// payload of a webhook. Templates come from the receiver, from the user's files, or are built in.
//
// It never sends, never counts, and never refuses an alert because of a template: what fails at load
// is an error there (New, Check); what fails later goes out in the built-in form, with a note.
package render
