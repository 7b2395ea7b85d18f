"""Pure formatting: what the model says, as lines of text with tones. No Textual in here."""
