package configs

import (
	"net/url"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tocsin-security/tocsin/notifiers"
	"github.com/tocsin-security/tocsin/pipeline"
	"github.com/tocsin-security/tocsin/stages/window"
)

// minimal is a valid configuration; cases add to it from line 3 on.
const minimal = `route: {receiver: r}
receivers: [{name: r, stdout_configs: [{}]}]
`

const people = "on_call:\n  people: [{name: a, email: a@example.org}]\n"

// robot is a configuration whose receiver calls somebody.
func robot(mention string) string {
	return "route: {receiver: r}\nreceivers:\n  - name: r\n    wecom_configs: [{url: 'http://h/?key=k',\n      mention: " + mention + "}]\n"
}

func TestOwnersWhomNobodyIsOnCallFor(t *testing.T) {
	owners := "enrich:\n  owners:\n    - {matchers: ['a = \"b\"'], on_call: a}\n    - {matchers: ['a = \"c\"'], on_call: b}\n"
	l, err := load(t, robot("on_call")+people+owners)
	if err != nil {
		t.Fatal(err)
	}
	if len(l.Findings) != 1 || !strings.Contains(l.Findings[0].Error(), `t.yaml:11:40: warning: nobody is called for these alerts`) {
		t.Errorf("findings = %v, want one about the second owner", l.Findings)
	}
	if l, err = load(t, minimal+people+owners); err != nil || len(l.Findings) > 0 {
		t.Errorf("findings where nobody is to be called = %v, %v, want none", l.Findings, err)
	}
}

func TestPeopleWhomAChannelCannotCall(t *testing.T) {
	l, err := load(t, robot("{rotation: a}")+people) // who has a mail address only
	if err != nil {
		t.Fatal(err)
	}
	if len(l.Findings) != 1 || !strings.Contains(l.Findings[0].Error(), "t.yaml:5:16: warning: this channel cannot call a: they have no wecom or mobile") {
		t.Errorf("findings = %v, want one about a", l.Findings)
	}
	if l, err = load(t, robot("{rotation: a}")+strings.Replace(people, "email: a@example.org", "mobile: '1'", 1)); err != nil || len(l.Findings) > 0 {
		t.Errorf("findings about a phone number = %v, %v, want none", l.Findings, err)
	}
}

func load(t *testing.T, text string) (*Loaded, error) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "t.yaml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return Load(file)
}

func TestMistakesAreReportedWithPlaceAndHint(t *testing.T) {
	for name, c := range map[string]struct {
		text string
		want []string // each must be in the error
	}{
		"an unknown key at the top":          {minimal + "sensr: {}\n", []string{`t.yaml:3:1: unknown key "sensr"`, `did you mean "sensor"?`}},
		"an unknown key inside a block":      {minimal + "sensor:\n  ring_bufer: 8MiB\n", []string{`t.yaml:4:3: unknown key "ring_bufer"`, `"ring_buffer"`}},
		"an unknown key of a receiver":       {"route: {receiver: r}\nreceivers:\n  - name: r\n    wecom_configs: [{url: 'http://h/?key=k', msgtyp: text}]\n", []string{"t.yaml:4:46", `"msgtype"`}},
		"an unknown key far from any":        {minimal + "http: {xyzzyxyzzy: 1}\n", []string{"t.yaml:3:8", "known here: auth"}},
		"every unknown key at once":          {minimal + "aaa: 1\nbbb: 2\n", []string{"t.yaml:3:1", "t.yaml:4:1"}},
		"a word where a number belongs":      {minimal + "http: {max_requests: many}\n", []string{"t.yaml:3:22", "a number"}},
		"a list where a mapping belongs":     {minimal + "sensor: [1]\n", []string{"t.yaml:3:"}},
		"a size without sense":               {minimal + "sensor: {ring_buffer: 8 potatoes}\n", []string{"t.yaml:3:23", "8MiB"}},
		"a duration without a unit":          {"route: {receiver: r, group_wait: 5}\nreceivers: [{name: r}]\n", []string{"t.yaml:1:", "500ms"}},
		"a ring buffer of no power of two":   {minimal + "sensor: {ring_buffer: 100KiB}\n", []string{"t.yaml:3:23", "ring_buffer"}},
		"YAML that is none":                  {"route: {receiver: r\n", []string{"t.yaml:1:"}},
		"a key that is there twice":          {minimal + "http: {}\nhttp: {}\n", []string{"t.yaml:4:1"}},
		"an empty file":                      {"", []string{"t.yaml: the file is empty"}},
		"a second document":                  {minimal + "---\nhttp: {}\n", []string{"one YAML document"}},
		"a receiver that is not there":       {"route: {receiver: other}\nreceivers: [{name: r}]\n", []string{"t.yaml:1:19", `"other"`}},
		"a receiver without a name":          {"route: {receiver: r}\nreceivers:\n  - name: r\n  - stdout_configs: [{}]\n", []string{"t.yaml:4:", "needs a name"}},
		"two receivers of one name":          {"route: {receiver: r}\nreceivers:\n  - name: r\n  - name: r\n", []string{"t.yaml:4:11", "twice"}},
		"a matcher that cannot be read":      {"route:\n  receiver: r\n  routes:\n    - matchers: ['a =~ \"(\"']\n      receiver: r\nreceivers: [{name: r}]\n", []string{"t.yaml:4:"}},
		"an unknown bus":                     {minimal + "bus: rabbit://x\n", []string{"t.yaml:3:6", "rabbit"}},
		"an unknown store":                   {minimal + "store: mysql://x\n", []string{"t.yaml:3:8", "mysql"}},
		"an unknown time zone":               {minimal + "render: {time_zone: Mars/Base}\n", []string{"t.yaml:3:21", "Mars/Base"}},
		"an open listener":                   {minimal + "http: {listen: ':8686'}\n", []string{"t.yaml:3:16", "allow_anonymous"}},
		"a store in two places":              {minimal + "store: redis://a\nstore_file: url\n", []string{"t.yaml:4:13", "only one"}},
		"a store's file that is not there":   {minimal + "store_file: nowhere\n", []string{"t.yaml:3:13", "nowhere"}},
		"an unset variable":                  {minimal + "store: redis://${TOCSIN_TEST_UNSET}\n", []string{"t.yaml:3:8", "TOCSIN_TEST_UNSET is not set"}},
		"a robot without its address":        {"route: {receiver: r}\nreceivers:\n  - name: r\n    dingtalk_configs: [{secret: x}]\n", []string{"t.yaml:4:", "url"}},
		"a mention that is none":             {robot("everyone") + people, []string{"t.yaml:5:16", `mention: "everyone": write on_call`}},
		"a mention of who is not on call":    {robot("{rotation: b}") + people, []string{"t.yaml:5:", `person "b" under on_call`}},
		"a mention without people on call":   {robot("on_call"), []string{"t.yaml:5:16", "there is no block on_call"}},
		"an escalation that is not there":    {"route: {receiver: r, escalate: e}\nreceivers: [{name: r}]\n", []string{"t.yaml:1:32", `there is no escalation "e"`}},
		"an escalation to no receiver":       {minimal + people + "  escalations: [{name: e, steps: [{after: 1m, receiver: x}]}]\n", []string{"t.yaml:5:57", `there is no receiver "x"`}},
		"a person whom nothing reaches":      {minimal + "on_call:\n  people:\n    - name: a\n", []string{"t.yaml:5:", `people[0]: "a" can be reached nowhere`}},
		"a rotation that starts on no day":   {minimal + people + "  rotations: [{name: r, layers: [{people: [a], start: 2027-02-30}]}]\n", []string{"t.yaml:5:55", `"2027-02-30" is no date`}},
		"an unknown key of a rotation":       {minimal + people + "  rotations: [{name: r, timezone: UTC}]\n", []string{"t.yaml:5:25", `did you mean "time_zone"?`}},
		"a bad priority":                     {minimal + "rules: {priority: enormous}\n", []string{"t.yaml:3:19", "emergency"}},
		"an added output without its field":  {minimal + "rules:\n  append_output:\n    - {extra_output: 'a %proc.nmae'}\n", []string{"t.yaml:5:22", `nonexistent field "proc.nmae"`, `did you mean "proc.name"?`}},
		"an added field that does not exist": {minimal + "rules:\n  append_output:\n    - {extra_fields: [proc.pid, proc.nmae]}\n", []string{"t.yaml:5:33", "proc.nmae"}},
		"an added field that is a list":      {minimal + "rules: {append_output: [{extra_fields: [[a]]}]}\n", []string{"t.yaml:3:", "one name with its format"}},
		"an identity by process":             {minimal + "dedupe: {by: [container.id, proc.pid]}\n", []string{"t.yaml:3:29", "proc.pid is an id of a process or thread", "proc.exepath"}},
		"an identity by a client's port":     {minimal + "dedupe: {by: [fd.cport]}\n", []string{"t.yaml:3:15", "fd.cport is a port that the kernel picks"}},
		"an identity by no field":            {minimal + "dedupe: {by: [proc.nmae]}\n", []string{"t.yaml:3:15", `nonexistent field "proc.nmae"`}},
		"every repeat escalates":             {minimal + "dedupe: {escalate: 1}\n", []string{"t.yaml:3:20", "escalate: 1 would let every repeat pass"}},
		"an unknown key of a source":         {minimal + "sources:\n  login:\n    shema: {}\n", []string{`t.yaml:5:5: unknown key "shema"`, `did you mean "schema"?`}},
		"an unknown type in a schema":        {minimal + "sources:\n  login:\n    schema:\n      user: {age: itn}\n", []string{"t.yaml:6:19: ", `user.age: unknown type "itn": did you mean "int"?`}},
		"a source of the kernel":             {minimal + "sources: {syscall: {}}\n", []string{"t.yaml:3:", "the kernel's events"}},
		"a source with an odd name":          {minimal + "sources: {Log in: {}}\n", []string{"t.yaml:3:", `source "Log in"`}},
		"windows without keys":               {minimal + "windows:\n  lateness: 5s\n  max_keys: 0\n", []string{"t.yaml:5:13: max_keys: 0", "1000000"}},
		"windows in no memory":               {minimal + "windows: {max_bytes: 8MiB}\n", []string{"t.yaml:3:22: max_bytes", "16MiB"}},
		"windows that keep next to nothing":  {minimal + "windows: {exact: 8}\n", []string{"t.yaml:3:18: exact: 8", "1024"}},
		"a policy that is none":              {minimal + "whitelist:\n  broad: off\n", []string{"t.yaml:4:10: whitelist.broad: \"off\" is none of [refuse warn allow]"}},
		"windows without lateness":           {minimal + "windows: {lateness: 0}\n", []string{"t.yaml:3:21: lateness", "30s"}},
		"an owner of everything":             {minimal + "enrich:\n  owners:\n    - {team: a}\n", []string{"t.yaml:5:", "owners[0]: matchers is missing", `rule =~ ".+"`}},
		"an owner by no matcher":             {minimal + "enrich:\n  owners:\n    - {team: a, matchers: ['a = \"b\"', 'a b']}\n", []string{"t.yaml:5:39: ", `owners[0].matchers[1]: "a b" is no matcher`}},
		"every mistake of owners at once":    {minimal + "enrich:\n  owners_matching: some\n  owners: [{matchers: ['a = \"b\"']}, {team: a, labels: {team: b}, matchers: ['a = \"b\"']}]\n", []string{"t.yaml:4:20: owners_matching", "t.yaml:5:", "owners[0]: gives nothing", "owners[1].labels.team"}},
		"an unknown key of an owner":         {minimal + "enrich:\n  owners:\n    - {matchers: [], teem: a}\n", []string{`t.yaml:5:`, `did you mean "team"?`}},
		"an unknown key of enrich":           {minimal + "enrich: {owner: []}\n", []string{`t.yaml:3:10: unknown key "owner"`, `"owners"`}},
		"several mistakes in what is added to alerts": {minimal + "enrich: {geoip: {database: ['']}, owners: [{team: x}], deployments: {limit: 0}, findings: {limit: 0}}\n",
			[]string{"a path is empty", "owners[0]: matchers is missing", "deployments.limit: 0", "findings.limit: 0"}},
		"an empty path of a database":    {minimal + "enrich: {geoip: {database: [a.mmdb, '']}}\n", []string{"t.yaml:3:", "enrich.geoip", "a path is empty"}},
		"disabling neither rule nor tag": {minimal + "rules: {disable: [{}]}\n", []string{"t.yaml:3:", "rule or tag"}},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := load(t, c.text)
			if err == nil {
				t.Fatalf("Load accepts it: %+v\n%s", got, c.text)
			}
			for _, want := range c.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("error %q lacks %q\n%s", err, want, c.text)
				}
			}
		})
	}
}

func TestDefaultsStayWhereAFileSaysNothing(t *testing.T) {
	l, err := load(t, minimal+"sensor: {ring_buffer: 1MiB}\n")
	if err != nil {
		t.Fatal(err)
	}
	if !l.Sensor.Enabled || l.Sensor.RingBuffer != 1<<20 || l.HTTP.Listen != "127.0.0.1:8686" || l.Bus != "embedded" || l.Rules.Priority != pipeline.Debug || l.Windows != window.DefaultConfig() {
		t.Errorf("loaded %+v", l.Config)
	}
}

func TestEnvironment(t *testing.T) {
	t.Setenv("TOCSIN_TEST_URL", "http://h/?key=a:{b}")
	l, err := load(t, "route: {receiver: r}\nreceivers:\n  - name: r\n    webhook_configs: [{url: \"${TOCSIN_TEST_URL}\"}]\ndata_dir: /x/$${HOME}\n")
	if err != nil {
		t.Fatal(err)
	}
	if got := string(l.Receivers[0].Webhook[0].URL); got != "http://h/?key=a:{b}" {
		t.Errorf("url = %q, want the variable's value as text", got)
	}
	if l.DataDir != "/x/${HOME}" {
		t.Errorf("data_dir = %q, want the escaped text itself", l.DataDir)
	}
}

func TestRelativePathsStartFromTheFile(t *testing.T) {
	l, err := load(t, minimal+"data_dir: ./state\nhttp: {auth: {tokens_file: tokens}}\nenrich:\n  geoip: {database: [City.mmdb, /a.mmdb], asn_database: ASN.mmdb}\n")
	if err != nil {
		t.Fatal(err)
	}
	want := []string{filepath.Join(l.Dir, "City.mmdb"), "/a.mmdb", filepath.Join(l.Dir, "ASN.mmdb")}
	if got := l.Enrich.GeoIP.Files(); !slices.Equal(got, want) || !l.Rules.Places {
		t.Errorf("databases = %v, want %v; places for rules: %v", got, want, l.Rules.Places)
	}
	if line, col := l.At("enrich.geoip.nowhere"); line != 6 || col == 0 {
		t.Errorf("the block is at %d:%d, want line 6", line, col)
	}
	if want := filepath.Join(l.Dir, "state"); l.DataDir != want {
		t.Errorf("data_dir = %q, want %q", l.DataDir, want)
	}
	if want := filepath.Join(l.Dir, "tokens"); l.HTTP.Auth.TokensFile != want {
		t.Errorf("tokens_file = %q, want %q", l.HTTP.Auth.TokensFile, want)
	}
}

func TestStoreInAFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "store_url")
	if err := os.WriteFile(file, []byte("rediss://host?ca_file=ca.pem\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	l, err := load(t, minimal+"store_file: "+file+"\n")
	if err != nil {
		t.Fatal(err)
	}
	got, err := url.QueryUnescape(string(l.Store))
	if want := "rediss://host?ca_file=" + filepath.Join(l.Dir, "ca.pem"); err != nil || got != want {
		t.Errorf("store = %q, %v, want %q", got, err, want)
	}
}

func TestEmbeddedConfigurationIsValid(t *testing.T) {
	l, err := Load("")
	if err != nil {
		t.Fatal(err)
	}
	set, list, problems, err := l.LoadRules()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("what ships has a problem: %s", p)
	}
	if len(set.Rules) < 5 || list == nil {
		t.Errorf("%d rules ship, want a useful number", len(set.Rules))
	}
	if got := time.Duration(*l.Dedupe.For); got != 10*time.Minute {
		t.Errorf("dedupe.for = %v, want 10m", got)
	}
}

func TestContractIsAccepted(t *testing.T) {
	const name = "../../shared/contract/tocsin.yaml"
	if _, err := os.Stat(name); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	l, err := Load(name)
	if err != nil {
		t.Fatal(err)
	}
	set, list, problems, err := l.LoadRules()
	if err != nil {
		t.Fatal(err)
	}
	if len(set.Rules) != 4 || len(list.Entries()) != 1 || len(l.Receivers) != 2 || len(problems) != 0 {
		t.Errorf("%d rules, %d entries, %d receivers, problems %v; want 4, 1, 2 and none",
			len(set.Rules), len(list.Entries()), len(l.Receivers), problems)
	}
	if len(l.Findings) != 0 {
		t.Errorf("findings: %v, want none", l.Findings)
	}
	if o := l.Enrich.Owners; len(o) != 1 || o[0].Team != "payments" || l.Rules.Places {
		t.Errorf("owners = %+v, places %v; want payments and none", o, l.Rules.Places)
	}
}

// The example in docs/oncall.md loads, with nothing to complain about.
func TestOnCallIsDocumented(t *testing.T) {
	doc, err := os.ReadFile("../docs/oncall.md")
	if err != nil {
		t.Fatal(err)
	}
	examples := strings.Split(string(doc), "```yaml\n")[1:]
	for i, example := range examples {
		if examples[i], _, _ = strings.Cut(example, "```"); i > 0 { // it is about the people of the first one
			examples[i] = strings.Replace(examples[i], "on_call:\n", "on_call:\n  people: [{name: payments, email: a@b}, {name: boss, email: a@b}]\n", 1) +
				"receivers: [{name: security}, {name: managers}]\n"
		}
		if l, err := load(t, examples[i]); err != nil || len(l.Findings) > 0 || len(l.OnCall.People) == 0 {
			t.Errorf("%s\n%v, %v", examples[i], l, err)
		}
	}
	if len(examples) != 2 {
		t.Errorf("%d examples", len(examples))
	}
}

// A kind of receiver that can call people is asked whom, or nobody would ever be called by it.
func TestEveryKindThatCallsIsAsked(t *testing.T) {
	of := reflect.TypeFor[Receiver]()
	for i := range of.NumField() {
		if list := of.Field(i).Type; list.Kind() == reflect.Slice {
			entry := reflect.New(list.Elem()).Elem()
			mention := entry.FieldByName("Mention")
			if !mention.IsValid() {
				continue
			}
			who := notifiers.Mention{Rotation: "r"}
			mention.Set(reflect.ValueOf(who))
			r := reflect.New(of).Elem()
			r.Field(i).Set(reflect.Append(r.Field(i), entry))
			if all := r.Interface().(Receiver).channels(); len(all) != 1 || all[0].calls != who {
				t.Errorf("%s: channels are %+v, want one that calls %+v", of.Field(i).Name, all, who)
			}
		}
	}
}
