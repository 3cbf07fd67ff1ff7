-- Every campaign that contacts can have got, split tests' versions included, with the campaign it belongs to.
select campaign_id, campaign_id as main_campaign_id, title, sent_at
from {{ ref("stg_mailchimp__campaigns") }}
union all
select campaign_id, main_campaign_id, title, sent_at
from {{ ref("stg_mailchimp__versions") }}
where campaign_id not in (select campaign_id from {{ ref("stg_mailchimp__campaigns") }})
