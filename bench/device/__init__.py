"""One run on an accelerator, in minutes: `bash bench/device.sh`. Its cases are those of `python -m bench`, and more."""
