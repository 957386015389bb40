// Package quota keeps what robots were sent in the last minutes, so that none gets more than it takes: by one process,
// in a small file for each robot, or by several, in Redis. A robot that gets more is blocked by its vendor, DingTalk's
// for ten minutes, and the way into that is a process that restarts and has forgotten what it sent.
package quota
