// Package field is the registry of everything a rule can ask about an event: name, type, meaning and
// the function that reads it. A field is looked up once, when a rule is compiled (Lookup); what comes
// back (Ref) holds plain functions that are called per event and do not allocate.
//
// A field that Falco has and this program cannot read is registered too, with the reason
// (Def.Unavailable): the rule loads, the field is null, and whoever checks the rule can say so.
//
// Null is the second result false. Some fields hold a filler instead ("<NA>", -1); which ones is part
// of the rule language.
package field
