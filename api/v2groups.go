package api

import (
	"bufio"
	"cmp"
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/tocsin-security/tocsin/pipeline"
)

// v2Groups lists live alerts by the groups that they are in, an alert in each that takes it.
func (s *Server) v2Groups(w http.ResponseWriter, r *http.Request) {
	q, err := s.alertQuery(r.URL.Query())
	if err != nil {
		refuseV2(w, http.StatusBadRequest, err.Error())
		return
	}
	out := newArrayStream(w)
	byKey := map[string]*memberList{}
	err = s.eachAlert(r.Context(), time.Now(), q.filter, out.more, func(a *pipeline.Live, to *pipeline.Routed) error {
		return gather(byKey, q, a, to)
	})
	if err != nil {
		out.end(err)
		return
	}
	all := slices.SortedFunc(maps.Values(byKey), compareGroups)
	for i, group := range all {
		if i%streamChunk == 0 {
			out.more()
		}
		if err := out.addBy(group.write); err != nil {
			out.end(err)
			return
		}
	}
	out.end(nil)
}

// memberList is a group and who is in it, as small as may be: there may be a hundred thousand in all.
type memberList struct {
	in      pipeline.InGroup
	order   string // labels, for sorting
	members []member
}

// member is an alert in the API's JSON, and what it is sorted by.
type member struct {
	job, instance, name string
	fingerprint         pipeline.Fingerprint
	body                []byte
}

// gather puts an alert into its groups, those that were asked for.
func gather(byKey map[string]*memberList, q *alertQuery, a *pipeline.Live, to *pipeline.Routed) error {
	everywhere := suppression(to)
	if !q.wants(&everywhere) {
		return nil
	}
	m := member{a.Labels["job"], a.Labels["instance"], a.Labels["alertname"], a.Fingerprint, nil}
	var told []byte // the alert where no time interval mutes it, which is the same in all groups
	for i := range to.Groups {
		in := &to.Groups[i]
		muted := len(in.Muted) > 0
		if !q.wantsReceiver(in.Receiver) || !q.muted && muted {
			continue
		}
		m.body = told
		if muted || told == nil {
			state := everywhere
			state.mute(in)
			var err error
			if m.body, err = json.Marshal(newGettableAlert(a, state, receiversOf(to))); err != nil {
				return err
			}
		}
		if !muted {
			told = m.body
		}
		list, known := byKey[in.Key]
		if !known {
			list = &memberList{in: *in, order: labelOrder(in.Labels)}
			byKey[in.Key] = list
		}
		list.members = append(list.members, m)
	}
	return nil
}

// write writes the group, an alert at a time.
func (l *memberList) write(w *bufio.Writer) error {
	slices.SortFunc(l.members, compareMembers)
	rest, err := json.Marshal(struct {
		Labels      map[string]string `json:"labels"`
		Receiver    receiverName      `json:"receiver"`
		RouteLabels map[string]string `json:"routeLabels"`
	}{orEmpty(l.in.Labels), receiverName{l.in.Receiver}, orEmpty(l.in.RouteLabels)})
	if err != nil {
		return err
	}
	separator := `{"alerts":[`
	for _, m := range l.members {
		if _, err := w.WriteString(separator); err != nil {
			return err
		}
		if _, err := w.Write(m.body); err != nil {
			return err
		}
		separator = ","
	}
	_, err = w.WriteString("]," + string(rest[1:])) // an object goes on without its brace
	return err
}

func compareGroups(a, b *memberList) int {
	return cmp.Or(strings.Compare(a.order, b.order), strings.Compare(a.in.Receiver, b.in.Receiver), strings.Compare(a.in.Key, b.in.Key))
}

func compareMembers(a, b member) int {
	return cmp.Or(strings.Compare(a.job, b.job), strings.Compare(a.instance, b.instance), strings.Compare(a.name, b.name), cmp.Compare(a.fingerprint, b.fingerprint))
}

// labelOrder is labels as one text to sort by.
func labelOrder(set map[string]string) string {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(set)) {
		b.WriteString(name)
		b.WriteByte(0)
		b.WriteString(set[name])
		b.WriteByte(0)
	}
	return b.String()
}
