Write-Host 'ahoy'
Write-Host 'Leinen los'