select
    {{ dbt.concat(["list_id", "'-'", "id"]) }} as member_key,
    id as member_id,
    list_id,
    segment_id,
    status
from {{ source("mailchimp", "segment_members") }}
