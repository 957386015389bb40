package interval

import "time"

// Contains is In without anything remembered or looked for.
func (s *Set) Contains(name string, at time.Time) bool { return s.named[name].contains(at) }
