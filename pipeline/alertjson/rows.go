package alertjson

import "github.com/tocsin-security/tocsin/pipeline"

// AppendRows appends alerts as stores keep them: as JSON arrays of at most so many bytes each, except where a single
// alert is larger. It returns where each array ends.
func AppendRows(b []byte, alerts []pipeline.Alert, most int) (all []byte, ends []int, err error) {
	begin := len(b)
	for i := range alerts {
		before := len(b)
		b = append(b, ',')
		if b, err = Append(b, &alerts[i]); err != nil {
			return b, ends, err
		}
		if before > begin && len(b)+1-begin <= most {
			continue
		}
		if before > begin { // it is one too many: the row ends before it
			b = append(b, 0)
			copy(b[before+1:], b[before:])
			b[before] = ']'
			before++
			ends = append(ends, before)
			begin = before
		}
		b[begin] = '['
	}
	if len(b) > begin {
		b = append(b, ']')
		ends = append(ends, len(b))
	}
	return b, ends, nil
}
