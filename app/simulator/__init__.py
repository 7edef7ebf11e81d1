"""An upstream to develop, demonstrate and load-test against: fal's queue protocol with real pictures."""
