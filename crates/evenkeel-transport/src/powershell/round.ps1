# Runs the scripts of one round, and answers each with one JSON document between two lines that only this round has.
param($Round, $Lines)

# Bytes, not characters: a console's code page has no say in them.
$stream = [Console]::OpenStandardOutput()
function Send-Line($Text) {
    $bytes = [Text.Encoding]::UTF8.GetBytes("$Text`n")
    $stream.Write($bytes, 0, $bytes.Length)
    $stream.Flush()
}

Send-Line "$($Round.nonce) powershell"
for ($number = 1; $number -lt $Lines.Count; $number++) {
    $request = ConvertFrom-Json -InputObject $Lines[$number]
    try {
        # Whatever a cmdlet lets slip before is not the answer.
        $results = @(& ([ScriptBlock]::Create($request.script)) $request.input)
        $value = $null
        if ($results.Count -gt 0) { $value = $results[-1] }
        $answer = @{ value = $value }
    }
    catch {
        $answer = @{
            error = @{
                cmdlet   = "$($_.CategoryInfo.Activity)"
                category = "$($_.CategoryInfo.Category)"
                target   = "$($_.CategoryInfo.TargetName)"
                id       = "$($_.FullyQualifiedErrorId)"
                message  = "$($_.Exception.Message)"
            }
        }
    }
    $text = ConvertTo-Json -InputObject $answer -Depth 16 -Compress
    Send-Line "$($Round.nonce) $number begin"
    Send-Line $text
    Send-Line "$($Round.nonce) $number end"
}
