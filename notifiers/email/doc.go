// Package email sends mail over SMTP: TLS required unless switched off, text and HTML alternatives.
//
// One attempt is one SMTP dialogue under one deadline. A recipient that is refused does not keep the
// others from getting the mail, and those who have it do not get it again on the next attempt.
package email
