package main

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/tocsin-security/tocsin/api/access"
)

// newTokenCommand is the parent of what makes credentials.
func newTokenCommand() *cobra.Command {
	return parentCommand("token", "Make tokens for those who post to tocsin or ask it", newTokenNewCommand())
}

func newTokenNewCommand() *cobra.Command {
	var name, scopes, expires string
	cmd := &cobra.Command{
		Use:   "new",
		Short: "Print a new token, and the line of http.auth.tokens_file that lets it in",
		Long: "Prints a new random token, which is shown this once, and the line to add to http.auth.tokens_file: name,\n" +
			"scopes and the token's hash. The running tocsin reads that file with its next reload.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			allowed, err := access.ParseScopes(scopes)
			if err != nil {
				return fmt.Errorf("--scopes: %w", err)
			}
			var until time.Time
			if expires != "" {
				if until, err = access.ParseDate(expires); err != nil {
					return fmt.Errorf("--expires: %w", err)
				}
				if !until.After(time.Now()) {
					return fmt.Errorf("--expires: %s is past", expires)
				}
			}
			token, line, err := access.NewToken(name, allowed, until)
			if err != nil {
				return fmt.Errorf("--name: %w", err)
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "The token, which nothing shows again:\n\n%s\n\nThe line for http.auth.tokens_file; then reload:\n\n%s\n", token, line)
			return err
		},
	}
	cmd.Flags().StringVar(&name, "name", "", "who will use it; the log calls the caller so")
	cmd.Flags().StringVar(&scopes, "scopes", "", "what it may do: some of intake,read,write,admin")
	cmd.Flags().StringVar(&expires, "expires", "", "date from which it is no longer taken: 2027-01-31, or with a time as in RFC 3339 (default: never)")
	for _, flag := range []string{"name", "scopes"} {
		if err := cmd.MarkFlagRequired(flag); err != nil {
			panic(err) // the flag is not there
		}
	}
	return cmd
}
