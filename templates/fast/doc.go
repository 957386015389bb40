// Package fast runs texts of text/template over the data of a notification without reflection: the same text in a
// fraction of the time.
//
// It knows the types that such data is made of and functions of some signatures, and nothing else. What it does not know it
// does not guess: Compile refuses the text, or Run gives up, and text/template does all of it from the start, with its own
// errors. Texts are to be parsed with the option missingkey=zero.
package fast
