# Disarms the dead man's switch, over a connection that was made after the change. Fails where the task came first.
param($Wanted)

$key = 'HKLM:\SOFTWARE\Evenkeel'
Get-ScheduledTask -TaskPath '\Evenkeel\' -TaskName 'Guard' -ErrorAction SilentlyContinue |
    Where-Object { "$($_.State)" -ne 'Running' } |
    Unregister-ScheduledTask -Confirm:$false

# restore.ps1 empties Guard first of all and writes RolledBack last.
$waited = 0
while ($true) {
    $kept = Get-ItemProperty -Path $key
    if ($kept.RolledBack) {
        $done = ConvertFrom-Json -InputObject $kept.RolledBack
        if ($done.id -eq $Wanted.id) {
            $trouble = ''
            if (@($done.errors).Count -gt 0) { $trouble = "; not all of it: $(@($done.errors) -join '; ')" }
            throw "the host put back what was there before, since no new connection came in time$trouble"
        }
    }
    if ($kept.Guard) { break }
    if ($waited -ge 60) { throw "the guard $($Wanted.id) is not armed, and the host put nothing back" }
    Start-Sleep -Seconds 1
    $waited++
}

$guard = ConvertFrom-Json -InputObject $kept.Guard
if ($guard.id -ne $Wanted.id) { throw "another run has armed its own guard ($($guard.id)) on this host" }
Set-ItemProperty -Path $key -Name 'Guard' -Value ''
@{ id = $guard.id }
