package journal

import "context"

// Rows is a journal whose owner says itself which rows go. Load it with Each before anything else.
type Rows struct{ *Journal }

// Append adds a row, removes others, and returns the new row's number, which is larger than all before.
func (r Rows) Append(_ context.Context, text []byte, remove []int64) (int64, error) {
	number, err := r.Journal.Append(text)
	if err != nil {
		return 0, err
	}
	r.Take(number, 1)
	for _, n := range remove {
		r.Release(n, 1)
	}
	return number, nil
}

// Each calls f with every row, in the order in which they were added. The row is f's until it returns.
func (r Rows) Each(_ context.Context, f func(number int64, text []byte)) error {
	return r.Journal.Each(func(number int64, text []byte) {
		r.Take(number, 1)
		f(number, text)
	})
}

// Row returns one row.
func (r Rows) Row(_ context.Context, number int64) ([]byte, error) { return r.Journal.Row(number) }
