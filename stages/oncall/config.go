package oncall

import "github.com/tocsin-security/tocsin/pipeline"

// Config is the on_call block of a configuration. People, groups and rotations are found by name, and no two have the
// same: alerts' label on_call holds such a name.
type Config struct {
	People    []Person   `yaml:"people"`
	Groups    []Group    `yaml:"groups"`
	Rotations []Rotation `yaml:"rotations"`

	Escalations []Escalation `yaml:"escalations"` // routes name them
}

// Person is a pipeline.Person.
type Person struct {
	Name     string `yaml:"name"`
	WeCom    string `yaml:"wecom"`    // user id
	Mobile   string `yaml:"mobile"`   // phone number; in YAML it needs quotes
	DingTalk string `yaml:"dingtalk"` // user id
	Feishu   string `yaml:"feishu"`   // open id, ou_…
	Email    string `yaml:"email"`
}

// Group is several at once: everybody who is on call for one of Members.
type Group struct {
	Name    string   `yaml:"name"`
	Members []string `yaml:"members"` // names of people and rotations
}

// Rotation has one person on call at a time. Overrides come first, then holidays, then the layers in their order: the
// first one that has somebody on call counts.
type Rotation struct {
	Name      string    `yaml:"name"`
	TimeZone  string    `yaml:"time_zone"` // a name of the IANA's; default UTC
	Layers    []Layer   `yaml:"layers"`
	Overrides []Instead `yaml:"overrides"`
	Holidays  []Instead `yaml:"holidays"`
}

// Layer is people who take turns.
type Layer struct {
	Name     string   `yaml:"name"`     // for people to read; default none
	People   []string `yaml:"people"`   // in turn; the first one begins
	Start    Date     `yaml:"start"`    // the day of the first handover; nobody is on before
	Handover Handover `yaml:"handover"` // when the next one begins: 09:00, or monday 09:00; default 00:00
	Period   Period   `yaml:"period"`   // how long one is on: daily, weekly or N days; default weekly
	Hours    []Hours  `yaml:"hours"`    // the layer counts in any of these only; default always
}

// Hours are some hours of some days.
type Hours struct {
	Weekdays []string  `yaml:"weekdays"` // friday, monday:thursday, saturday:monday; default all
	From     TimeOfDay `yaml:"from"`     // default 00:00
	To       TimeOfDay `yaml:"to"`       // until before it, at most 24:00, the default; before From: of the day after
}

// Instead is who is on call in place of the layers for some time: a person, or whoever is in another rotation.
type Instead struct {
	Name     string `yaml:"name"` // for people to read, as in Spring Festival; default none
	From     Moment `yaml:"from"` // a day, or a time: 2027-02-05, 2027-02-05 18:00
	To       Moment `yaml:"to"`   // a day is meant with all of it, a time until before it; default the day of From
	Person   string `yaml:"person"`
	Rotation string `yaml:"rotation"`
}

// Escalation is who else is told of an alert that nobody acknowledges.
type Escalation struct {
	Name   string `yaml:"name"`
	Steps  []Step `yaml:"steps"`
	Repeat int    `yaml:"repeat"` // how often the last step is told again, each time as long after as it is after the one before it; default 0
}

// Step is one message of an escalation.
type Step struct {
	After    pipeline.Duration `yaml:"after"`    // since the route's first message; longer than that of the step before
	Notify   string            `yaml:"notify"`   // a rotation, a group or a person to call; default nobody
	Receiver string            `yaml:"receiver"` // default the route's
}

func (p Person) plain() pipeline.Person { return pipeline.Person(p) }
