"""The generated scenes of `atrous demo` and a colour baseline to compare with."""
