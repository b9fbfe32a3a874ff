# Disarms the dead man's switch, over a connection that was made after the change. Where the change failed, or did not come
# to its end, the task is run at once instead. Fails wherever the former state is, or will be, put back.
param($Wanted)

$key = 'HKLM:\SOFTWARE\Evenkeel'
$id = $Wanted.id
$why = 'no new connection came in time'

$kept = Get-ItemProperty -Path $key
# Asked again, because the answer was lost.
if ("$($kept.Change)" -eq "$id disarmed") { return @{ id = $id } }
if ($kept.Guard) {
    $guard = ConvertFrom-Json -InputObject $kept.Guard
    if ($guard.id -ne $id) { throw "another run has armed its own guard ($($guard.id)) on this host" }

    # The change may still be at work, or not yet: the connection that it came by is gone.
    $waited = 0
    while ($true) {
        $change = "$((Get-ItemProperty -Path $key).Change)"
        if ($change -eq "$id done" -or $change -eq "$id failed") { break }
        if ($change -ne "$id begun" -and $waited -ge 30) { break }
        if ([DateTimeOffset]::UtcNow.ToUnixTimeSeconds() -ge $guard.fires - 10) { break }
        Start-Sleep -Seconds 1
        $waited++
    }

    if ($change -eq "$id done") {
        # First this, then the look whether the task has begun; restore.ps1 does it the other way round. So one of the two
        # sees the other, however they meet.
        Set-ItemProperty -Path $key -Name 'Guard' -Value ''
        if (-not (Get-ItemProperty -Path $key).Firing) {
            Set-ItemProperty -Path $key -Name 'Change' -Value "$id disarmed"
            Unregister-ScheduledTask -TaskPath '\Evenkeel\' -TaskName 'Guard' -Confirm:$false
            return @{ id = $id }
        }
    }
    else {
        $why = 'the change did not come to its end'
        if ($change -eq "$id failed") { $why = 'the change failed' }
        Start-ScheduledTask -TaskPath '\Evenkeel\' -TaskName 'Guard'
    }
}

$waited = 0
while ($true) {
    $kept = Get-ItemProperty -Path $key
    if ("$($kept.Change)" -eq "$id never") { throw 'nothing was changed, since the change did not begin' }
    if ($kept.RolledBack) {
        $done = ConvertFrom-Json -InputObject $kept.RolledBack
        if ($done.id -eq $id) {
            $trouble = ''
            if (@($done.errors).Count -gt 0) { $trouble = "; not all of it: $(@($done.errors) -join '; ')" }
            throw "the host put back what was there before, since $why$trouble"
        }
    }
    if ($waited -ge 240) { throw "the guard $id is gone, and the host did not say that it put anything back" }
    Start-Sleep -Seconds 1
    $waited++
}
