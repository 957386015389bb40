// Package alertjson writes and reads alerts as the JSON that pipeline.Alert's tags say, several times faster than
// encoding/json: an alert is written and read again at every step that a kill may not undo, and that is what the
// durable half spends most of its time on. What it writes is what encoding/json writes, byte for byte. What it reads
// it reads the same, because it gives back to encoding/json whatever is not plain: unknown or repeated keys, null
// where a value is due, strings that are not UTF-8, everything that is wrong.
//
// A field that is added to pipeline.Alert must be added here; the test that fills every field says so.
package alertjson
