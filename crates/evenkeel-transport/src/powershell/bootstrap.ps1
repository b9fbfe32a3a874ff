# All that stands on the command line, encoded: takes the rest from standard input, one JSON document in a line.
# These are ASCII only, so that no code page changes them.
$ErrorActionPreference = 'Stop'
$ProgressPreference = 'SilentlyContinue'
$lines = @($input)
$first = ConvertFrom-Json -InputObject $lines[0]
& ([ScriptBlock]::Create($first.script)) $first $lines
exit 0
