"""One run on an accelerator, in minutes: `bash bench/device.sh`. Cases are those of `python -m bench` and their like."""
