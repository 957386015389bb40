package pipeline

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// Rows are the alerts as stores keep them: JSON arrays of at most so many bytes each, except where a single alert is
// larger.
func (in *Inbox) Rows(most int) ([][]byte, error) {
	var rows [][]byte
	var row, one bytes.Buffer
	encoder := json.NewEncoder(&one)
	encoder.SetEscapeHTML(false)
	for i := range in.Alerts {
		one.Reset()
		if err := encoder.Encode(&in.Alerts[i]); err != nil {
			return nil, fmt.Errorf("write alert %s: %w", in.Alerts[i].ID, err)
		}
		if row.Len() > 0 && row.Len()+one.Len() > most {
			rows, row = append(rows, closed(&row)), bytes.Buffer{}
		}
		if row.Len() == 0 {
			row.WriteByte('[')
		} else {
			row.WriteByte(',')
		}
		row.Write(bytes.TrimSuffix(one.Bytes(), []byte("\n")))
	}
	if row.Len() > 0 {
		rows = append(rows, closed(&row))
	}
	return rows, nil
}

func closed(row *bytes.Buffer) []byte {
	row.WriteByte(']')
	return row.Bytes()
}
