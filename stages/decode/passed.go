package decode

import "github.com/tocsin-security/tocsin/pipeline"

// passed fills in the descriptors that came with a message (SCM_RIGHTS of unix(7)): each as if it were
// the one that a call works on.
func (d *Decoder) passed(ev *pipeline.Event) {
	n := 0
	for index := uint8(ofPassed); index < ofPassed+maxPassed; index++ {
		file, sock := d.rec.find(kindFile, index), d.rec.find(kindSock, index)
		d.other = pipeline.Event{FD: pipeline.FD{Kind: pipeline.FDUnknown}}
		switch {
		case file != nil:
			d.file(&d.other, file, false)
			if f := view[fileInfo](file.data); f != nil {
				d.other.FD.Num = int64(f.Fd)
			}
		case sock != nil:
			d.socket(&d.other, sock, nil)
			if s := view[sockInfo](sock.data); s != nil {
				d.other.FD.Num = int64(s.Fd)
			}
		default:
			continue
		}
		d.received[n] = d.other.FD
		n++
	}
	ev.Passed = d.received[:n]
}
