package api

import (
	"cmp"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/tocsin-security/tocsin/pipeline"
)

// gettableGroup is a group of alerts in Alertmanager's API.
type gettableGroup struct {
	Alerts      []*gettableAlert  `json:"alerts"`
	Labels      map[string]string `json:"labels"`
	Receiver    receiverName      `json:"receiver"`
	RouteLabels map[string]string `json:"routeLabels"`
}

// v2Groups lists live alerts by the groups that they are in, an alert in each that takes it.
func (s *Server) v2Groups(w http.ResponseWriter, r *http.Request) {
	q, err := s.alertQuery(r.URL.Query())
	if err != nil {
		refuseV2(w, http.StatusBadRequest, err.Error())
		return
	}
	out := newArrayStream(w)
	byKey := map[string]*memberList{}
	err = s.eachAlert(r.Context(), q, func() {}, func(a *pipeline.Live, to *pipeline.Routed) error {
		gather(byKey, q, a, to)
		return nil
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
		if err := out.add(group.gettable()); err != nil {
			out.end(err)
			return
		}
	}
	out.end(nil)
}

// memberList is a group and who is in it, as small as may be: there may be a hundred thousand.
type memberList struct {
	in      pipeline.InGroup
	order   string // labels, for sorting
	members []member
}

type member struct {
	alert     *pipeline.Live
	state     alertState
	receivers []receiverName
}

// gather puts an alert into its groups, those that were asked for.
func gather(byKey map[string]*memberList, q *alertQuery, a *pipeline.Live, to *pipeline.Routed) {
	everywhere := suppression(to)
	if !q.wants(&everywhere) {
		return
	}
	var receivers []receiverName
	for i := range to.Groups {
		in := &to.Groups[i]
		if !q.wantsReceiver(in.Receiver) || !q.muted && len(in.Muted) > 0 {
			continue
		}
		if receivers == nil {
			receivers = receiversOf(to)
		}
		state := everywhere
		state.mute(in)
		list, known := byKey[in.Key]
		if !known {
			list = &memberList{in: *in, order: labelOrder(in.Labels)}
			byKey[in.Key] = list
		}
		list.members = append(list.members, member{a, state, receivers})
	}
}

func (l *memberList) gettable() *gettableGroup {
	slices.SortFunc(l.members, func(a, b member) int { return compareAlerts(a.alert, b.alert) })
	g := &gettableGroup{
		Labels: orEmpty(l.in.Labels), RouteLabels: orEmpty(l.in.RouteLabels), Receiver: receiverName{l.in.Receiver},
		Alerts: make([]*gettableAlert, 0, len(l.members)),
	}
	for _, m := range l.members {
		g.Alerts = append(g.Alerts, newGettableAlert(m.alert, m.state, m.receivers))
	}
	return g
}

func compareGroups(a, b *memberList) int {
	return cmp.Or(strings.Compare(a.order, b.order), strings.Compare(a.in.Receiver, b.in.Receiver), strings.Compare(a.in.Key, b.in.Key))
}

// compareAlerts puts alerts in an order for people, that costs little with a hundred thousand in one group.
func compareAlerts(a, b *pipeline.Live) int {
	for _, label := range []string{"job", "instance", "alertname"} {
		if c := strings.Compare(a.Labels[label], b.Labels[label]); c != 0 {
			return c
		}
	}
	return cmp.Compare(a.Fingerprint, b.Fingerprint)
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
