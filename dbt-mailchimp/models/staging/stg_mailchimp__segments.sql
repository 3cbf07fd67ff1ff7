select
    id as segment_id,
    list_id,
    name,
    type as segment_type,
    type = 'static' as is_tag_or_static,
    member_count,
    created_at,
    updated_at
from {{ source("mailchimp", "segments") }}
