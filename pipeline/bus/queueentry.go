package bus

import (
	"encoding/binary"
	"fmt"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"

	"github.com/tocsin-security/tocsin/store/journal"
)

// Kinds of entries. A row of a queue's journal is entries, one after the other: a kind, the length of what follows,
// and what is said of the kind here. Numbers are varints, texts begin with their length. Values are in files: never
// change one.
const (
	entryMessage byte = 1 // number, ns since the epoch, UUID, pairs of metadata, payload
	entryDone    byte = 2 // the number that is given next, and those of messages that are needed no more
	entryPast    byte = 3 // number, attempts, whether one may have succeeded
)

func appendEntry(b []byte, kind byte, body []byte) []byte {
	return append(binary.AppendUvarint(append(b, kind), uint64(len(body))), body...)
}

func textLen(n int) int { return uvarintLen(uint64(n)) + n }

func uvarintLen(n uint64) int {
	var b [binary.MaxVarintLen64]byte
	return binary.PutUvarint(b[:], n)
}

// appendMessage is written in place: a payload is copied once.
func appendMessage(b []byte, number uint64, at time.Time, m *message.Message) []byte {
	size := uvarintLen(number) + 8 + textLen(len(m.UUID)) + uvarintLen(uint64(len(m.Metadata))) + len(m.Payload)
	for key, value := range m.Metadata {
		size += textLen(len(key)) + textLen(len(value))
	}
	b = binary.AppendUvarint(append(b, entryMessage), uint64(size))
	b = binary.AppendUvarint(b, number)
	b = binary.LittleEndian.AppendUint64(b, uint64(at.UnixNano()))
	b = journal.AppendText(b, m.UUID)
	b = binary.AppendUvarint(b, uint64(len(m.Metadata)))
	for key, value := range m.Metadata {
		b = journal.AppendText(journal.AppendText(b, key), value)
	}
	return append(b, m.Payload...)
}

// appendDone says which number is next, too: the entries of later messages may be gone by the time that it is read.
func appendDone(b []byte, next uint64, numbers []uint64) []byte {
	body := binary.AppendUvarint(nil, next)
	for _, n := range numbers {
		body = binary.AppendUvarint(body, n)
	}
	return appendEntry(b, entryDone, body)
}

func appendPast(b []byte, number uint64, past Past) []byte {
	var body [2*binary.MaxVarintLen64 + 1]byte
	n := binary.PutUvarint(body[:], number)
	n += binary.PutUvarint(body[n:], uint64(past.Attempts))
	if past.Unsure {
		body[n] = 1
	}
	return appendEntry(b, entryPast, body[:n+1])
}

// entry is one of a row's; body is part of the row.
type entry struct {
	kind      byte
	off, size int // in the row, of the whole entry
	body      []byte
}

// eachEntry calls f with each entry of a row.
func eachEntry(row []byte, f func(entry) error) error {
	for off := 0; off < len(row); {
		size, n := binary.Uvarint(row[off+1:])
		begin := off + 1 + n
		if n <= 0 || size > uint64(len(row)-begin) {
			return fmt.Errorf("at byte %d: %w", off, journal.ErrCut)
		}
		end := begin + int(size)
		if err := f(entry{row[off], off, end - off, row[begin:end]}); err != nil {
			return fmt.Errorf("at byte %d: %w", off, err)
		}
		off = end
	}
	return nil
}

func (e entry) fields() journal.Fields { return journal.Fields{Rest: e.body} }

// head is how the entry of a message begins.
type head struct {
	number uint64
	at     time.Time
	uuid   []byte
}

func readHead(f *journal.Fields) head {
	h := head{number: f.Uint()}
	if at := f.Bytes(8); at != nil {
		h.at = time.Unix(0, int64(binary.LittleEndian.Uint64(at)))
	}
	h.uuid = f.Text()
	return h
}

// content is a message as it is handed out: again and again, or once where it carries something.
type content struct {
	uuid     string
	metadata message.Metadata
	payload  []byte
	carried  any // in the place of the payload; nil: nothing
}

// readContent reads the entry of a message.
func readContent(e entry) (*content, error) {
	f := e.fields()
	c := &content{uuid: string(readHead(&f).uuid), metadata: message.Metadata{}}
	for range min(f.Uint(), uint64(len(e.body))) {
		key := f.Text()
		c.metadata[string(key)] = string(f.Text())
	}
	c.payload = f.Rest
	return c, f.Err
}
