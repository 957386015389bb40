package templates

import (
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

func TestEscaperForChats(t *testing.T) {
	for name, c := range map[string]struct{ in, want string }{
		"a mention of everyone":            {"x<@all>", "x＜＠all>"},
		"a mention by word":                {"@all @ALL @所有人 bob@example.org", "＠all ＠ALL ＠所有人 bob@example.org"},
		"a mention of one":                 {"<@zhangsan>", "＜@zhangsan>"},
		"a colour":                         {`<font color="info">ok</font>`, `＜font color="info">ok＜/font>`},
		"a link":                           {"[click](javascript:alert(1))", "[click]（javascript:alert(1))"},
		"an image":                         {"![x](http://evil/x.png)", "![x]（http://evil/x.png)"},
		"the end of a code span":           {"`**x**`", "｀＊＊x＊＊｀"},
		"a new line and a heading":         {"a\n# b\r\n> c", "a↵# b↵> c"},
		"a heading at the start":           {"# b", "＃ b"},
		"a quote at the start":             {"> b", "＞ b"},
		"other line breaks":                {"a\u2028b\u2029c\u0085d\ve", "a↵b↵c↵d↵e"},
		"control characters":               {"a\x00b\x1b[2Jc\x7f\u009b", "ab[2Jc"},
		"right to left override":           {"exe.\u202Etxt.sh\u2066\u200E\u200B", "exe.txt.sh"},
		"invalid UTF-8":                    {"a\xff\xed\xa0\x80b", "a\uFFFD\uFFFD\uFFFD\uFFFDb"},
		"a hidden mention":                 {"<\u200B@a\x00ll>", "＜＠all>"},
		"a link begun at the end":          {"[click]", "[click］"},
		"a link's address at the start":    {"(http://evil)", "（http://evil)"},
		"a mention begun at the end":       {"mail@ @a", "mail@ ＠a"},
		"a tag begun at the end":           {"a <", "a ＜"},
		"an ordinary command line":         {"curl -sSL https://x.example/a_b*c?d=1#e | sh -c 'a && b' > /dev/null 2>&1", "curl -sSL https://x.example/a_b*c?d=1#e | sh -c 'a && b' > /dev/null 2>&1"},
		"arithmetic and comparisons":       {"awk '$1 < 5 && $2>3 {print $(NF)}' a[0] (x)", "awk '$1 < 5 && $2>3 {print $(NF)}' a[0] (x)"},
		"a here document is still legible": {"cat <<EOF", "cat <＜EOF"},
		"Han text and emoji":               {"短信 👩‍👩‍👧", "短信 👩‍👩‍👧"},
	} {
		t.Run(name, func(t *testing.T) {
			for _, kind := range []string{WeCom, WeComText, DingTalk} {
				if diff := cmp.Diff(c.want, Escaper(kind)(c.in)); diff != "" {
					t.Errorf("%s: %q (-want +got):\n%s", kind, c.in, diff)
				}
			}
		})
	}
}

func TestEscaperElsewhere(t *testing.T) {
	const in = "<@all> `x`\n\x1b\u202E\xff"
	for kind, want := range map[string]string{
		Email:   "<@all> `x`↵\uFFFD", // html/template escapes the HTML part by itself
		Webhook: "<@all> `x`\n\x1b\u202E\uFFFD",
	} {
		if got := Escaper(kind)(in); got != want {
			t.Errorf("%s: %q, want %q", kind, got, want)
		}
	}
}

// dangerous is what a chat would act on, wherever it stands.
var dangerous = regexp.MustCompile("(?i)`|<[a-z/@!]|@all|@所有人|\\]\\(|\\*\\*|[\\x00-\\x1f\\x7f-\\x{9f}\\x{2028}\\x{2029}\\x{202a}-\\x{202e}\\x{2066}-\\x{2069}]")

// hostile reads what an attacker may write.
func hostile(tb testing.TB) []string {
	tb.Helper()
	text, err := os.ReadFile("testdata/hostile.txt")
	if err != nil {
		tb.Fatal(err)
	}
	var all []string
	for line := range strings.Lines(string(text)) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		value, err := strconv.Unquote(strings.TrimSpace(line))
		if err != nil {
			tb.Fatalf("%s: %v", line, err)
		}
		all = append(all, value)
	}
	return all
}

func FuzzEscaper(f *testing.F) {
	for _, s := range hostile(f) {
		f.Add(s, "all")
		f.Add("a", s)
	}
	f.Fuzz(func(t *testing.T, a, b string) {
		escape := Escaper(WeCom)
		// Two values side by side, as templates put them, must not make together what neither may be.
		got := escape(a) + escape(b)
		if !utf8.ValidString(got) {
			t.Errorf("%q + %q = %q: invalid UTF-8", a, b, got)
		}
		if found := dangerous.FindString(got); found != "" && found != "**" {
			t.Errorf("%q + %q = %q: holds %q", a, b, got, found)
		}
		if again := escape(escape(a)); strings.ContainsAny(escape(a), "`\n") || again != escape(a) {
			t.Errorf("%q: %q, escaped again %q", a, escape(a), again)
		}
	})
}
