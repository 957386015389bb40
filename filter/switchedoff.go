package filter

import "github.com/tocsin-security/tocsin/filter/field"

// whyNoPlaces is why fields that stand for the place of an address are null when nobody knows places.
const whyNoPlaces = "there is no address database: enrich.geoip"

// LocateAddresses says that events will know where addresses are. It must come before the first Compile;
// without it, fields that stand for a place are null.
func (p *Program) LocateAddresses() { p.located = true }

// switchedOff says why a field is null that the configuration could have values for, or is "".
func (p *Program) switchedOff(f field.Ref) string {
	switch {
	case f.HostAddr != nil && p.hosts == nil:
		return whyNoNames
	case f.Def != nil && f.Def.Located && !p.located:
		return whyNoPlaces
	default:
		return ""
	}
}

// OutputNotes are the blind spots of an output printed beside the conditions of p.
func (p *Program) OutputNotes(o *Output) []Note {
	notes := o.notes
	for _, f := range o.reads {
		if why := p.switchedOff(f.ref); why != "" {
			notes = append(notes[:len(notes):len(notes)], Note{At: f.at, Msg: f.ref.Text + " is always null here: " + why})
		}
	}
	return notes
}
