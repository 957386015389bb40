package main

import "github.com/tocsin-security/tocsin/stages/deliver"

// shareLimits has entries with one robot keep to the lowest of their limits: who leaves others room in one of the entries
// means the robot. A robot is of one kind of channel, all entries of which have limits, or none has.
func shareLimits(channels map[string]deliver.Channel) {
	lowest := map[string]deliver.Channel{} // by robot
	for _, c := range channels {
		least, known := lowest[c.Robot]
		if !known || len(c.Limits) > 0 && c.Limits[0].Most < least.Limits[0].Most {
			lowest[c.Robot] = c
		}
	}
	for name, c := range channels {
		c.Limits = lowest[c.Robot].Limits
		channels[name] = c
	}
}
