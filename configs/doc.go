// Package configs holds the configuration, rules and whitelist that ship with tocsin, and the loader
// that turns a configuration file into the small Config structs of the packages that do the work. It
// reports everything that is wrong with a file at once, with positions and hints, and never returns
// half a configuration. Only cmd imports it.
package configs
